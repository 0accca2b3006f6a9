//! The plots: CPU time against idle connections, and memory against connections.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;

use crate::figures::{Figures, Row};
use crate::plan::Load;

const SIZE: (u32, u32) = (1100, 620);
const LEGEND_WIDTH: u32 = 260;
const LEGEND_LINE: i32 = 24;
const FONT: (&str, i32) = ("sans-serif", 14);

/// The line of one server.
struct Line<'a> {
    name: &'a str,
    points: Vec<(f64, f64)>,
}

/// Writes both plots into `folder`.
pub fn draw(figures: &Figures, folder: &Path) -> Result<()> {
    let cpu = lines(figures, |row| cpu_points(figures, row));
    let (right, low, high) = extent(&cpu);
    let file = folder.join("cpu.svg");
    let area = SVGBackend::new(&file, SIZE).into_drawing_area();
    let texts =
        ["CPU time of an echo, one active connection", "idle connections (none is drawn at 1)", "µs for each echo"];
    // Both axes are logarithmic: select's cost would press all others to the bottom.
    chart(&area, texts, (1.0..right.max(10.0)).log_scale(), (low / 2.0..high * 2.0).log_scale(), &cpu)?;
    area.present()?;

    let memory = lines(figures, memory_points);
    let (right, _, high) = extent(&memory);
    let file = folder.join("memory.svg");
    let area = SVGBackend::new(&file, SIZE).into_drawing_area();
    let texts = ["Resident memory; each connection has sent a line", "idle connections", "MiB"];
    chart(&area, texts, 0.0..right, 0.0..high * 1.05, &memory)?;
    area.present()?;
    Ok(())
}

fn lines<'a>(figures: &'a Figures, points: impl Fn(&Row) -> Vec<(f64, f64)>) -> Vec<Line<'a>> {
    figures.rows.iter().map(|row| Line { name: &row.server, points: points(row) }).collect()
}

fn cpu_points(figures: &Figures, row: &Row) -> Vec<(f64, f64)> {
    let with_cells = figures.columns.iter().zip(&row.cells);
    let is_plain = |load| matches!(load, Load::Echoes { clients: 1, length: 64, batch: 1 });
    let plain = with_cells.filter(|(column, _)| is_plain(column.load));
    plain.filter_map(|(column, cell)| Some((column.idle.max(1) as f64, cell.as_ref()?.cpu_us))).collect()
}

fn memory_points(row: &Row) -> Vec<(f64, f64)> {
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    row.memory.iter().map(|memory| (memory.connections as f64, mebibytes(memory.resident))).collect()
}

/// The largest x, the lowest and the largest y.
fn extent(lines: &[Line<'_>]) -> (f64, f64, f64) {
    let points = lines.iter().flat_map(|line| &line.points);
    let start = (1.0, f64::MAX, f64::MIN_POSITIVE);
    points.fold(start, |(right, low, high), &(x, y)| (right.max(x), low.min(y), high.max(y)))
}

/// The title and what the two axes are, then the axes.
fn chart<'a, X, Y>(
    area: &DrawingArea<SVGBackend<'a>, Shift>,
    [title, x_title, y_title]: [&str; 3],
    x_axis: X,
    y_axis: Y,
    lines: &[Line<'_>],
) -> Result<()>
where
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let failed = |error: DrawingAreaErrorKind<_>| anyhow!("a plot can't be drawn: {error}");
    area.fill(&WHITE).map_err(failed)?;
    let (left, legend) = area.split_horizontally(SIZE.0 - LEGEND_WIDTH);
    let mut chart = ChartBuilder::on(&left)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(x_axis, y_axis)
        .map_err(failed)?;
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(TRANSPARENT).label_style(FONT).x_desc(x_title).y_desc(y_title);
    mesh.draw().map_err(failed)?;
    for (number, line) in lines.iter().enumerate() {
        let style = style(number, line.name);
        chart.draw_series(LineSeries::new(line.points.iter().copied(), style)).map_err(failed)?;
        chart
            .draw_series(line.points.iter().map(|&point| Circle::new(point, 3, style.color.filled())))
            .map_err(failed)?;
        let y = 50 + LEGEND_LINE * i32::try_from(number)?;
        legend.draw(&PathElement::new([(4, y), (30, y)], style)).map_err(failed)?;
        legend.draw(&Text::new(line.name.to_owned(), (38, y - 8), FONT)).map_err(failed)?;
    }
    Ok(())
}

/// A colour of its own for each; this project's lines are the thick ones.
fn style(number: usize, name: &str) -> ShapeStyle {
    // Steps of the golden angle keep neighbours apart.
    let hue = (number as f64 * 0.381_966).fract();
    let width = if name.starts_with("selectio") { 3 } else { 1 };
    HSLColor(hue, 0.75, 0.42).to_rgba().stroke_width(width)
}
