//! The figures as tables, in Markdown that can also be read as it is.

use super::figures::{Cell, Figures, Row, Table};
use crate::table::{aligned, short};

/// The tables, and what is to be known about them.
pub fn render(figures: &Figures) -> String {
    let mut text = figures.machine.iter().map(|fact| format!("- {fact}\n")).collect::<String>();
    for table in &figures.tables {
        let Table { title, unit, peer, .. } = table;
        let cpu_heading = format!("The server's CPU time for each {unit}, in microseconds (and in those of {peer})");
        let cpu = of_servers(table, |cell| cell.cpu_us, short);
        let rate_heading = format!("How many in a second (and in those of {peer})");
        let rate = of_servers(table, |cell| cell.per_second, |value| format!("{value:.0}"));
        text += &format!("\n### {title}\n\n{cpu_heading}:\n\n{cpu}\n{rate_heading}:\n\n{rate}");
    }
    let is_disturbed = |row: &Row| row.cells.iter().flatten().any(|cell| cell.is_disturbed);
    if figures.tables.iter().flat_map(|table| &table.rows).any(is_disturbed) {
        text += "\n`~`: other processes were busy on the same cores in every round.\n";
    }
    for remark in &figures.remarks {
        text += &format!("\n- {remark}");
    }
    text.trim_end().to_owned() + "\n"
}

fn of_servers(table: &Table, value: fn(&Cell) -> f64, shown: fn(f64) -> String) -> String {
    let peer = table.rows.iter().find(|row| row.server == table.peer);
    let mut rows = vec![vec!["server".to_owned()]];
    rows[0].extend(table.loads.iter().cloned());
    for row in &table.rows {
        let cells = row.cells.iter().enumerate().map(|(column, cell)| {
            let Some(cell) = cell else { return "–".to_owned() };
            let beside = peer.and_then(|peer| peer.cells[column].as_ref());
            let ratio = beside.map_or(String::new(), |peer| format!(" ({:.2})", value(cell) / value(peer)));
            format!("{}{}{ratio}", if cell.is_disturbed { "~" } else { "" }, shown(value(cell)))
        });
        rows.push([row.server.clone()].into_iter().chain(cells).collect());
    }
    aligned(&rows)
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::programs::figures::{Cell, Figures, Row, Table};

    fn row(server: &str, cells: &[Option<(f64, f64, bool)>]) -> Row {
        let cell = |(cpu_us, per_second, is_disturbed)| Cell { cpu_us, per_second, requests: 1, is_disturbed };
        Row { server: server.to_owned(), cells: cells.iter().map(|figures| figures.map(cell)).collect() }
    }

    fn figures(rows: Vec<Row>) -> Figures {
        let [title, unit, peer] = ["HTTP/1.1", "request", "hyper"].map(str::to_owned);
        let loads = ["few", "many"].map(str::to_owned).to_vec();
        let tables = vec![Table { title, unit, peer, loads, rows }];
        Figures { machine: vec!["Kernel: some".to_owned()], remarks: vec!["nginx is left out".to_owned()], tables }
    }

    #[test]
    fn each_figure_has_its_ratio_to_the_peer() {
        let own = row("http", &[Some((5.5, 90_000.0, false)), Some((6.0, 80_000.0, true))]);
        let peer = row("hyper", &[Some((5.0, 100_000.0, false)), None]);
        let expected = "- Kernel: some\n\n### HTTP/1.1\n\n\
            The server's CPU time for each request, in microseconds (and in those of hyper):\n\n\
            | server |         few |  many |\n\
            | ------ | ----------: | ----: |\n\
            | http   | 5.50 (1.10) | ~6.00 |\n\
            | hyper  | 5.00 (1.00) |     – |\n\n\
            How many in a second (and in those of hyper):\n\n\
            | server |           few |   many |\n\
            | ------ | ------------: | -----: |\n\
            | http   |  90000 (0.90) | ~80000 |\n\
            | hyper  | 100000 (1.00) |      – |\n\n\
            `~`: other processes were busy on the same cores in every round.\n\n\
            - nginx is left out\n";
        assert_eq!(render(&figures(vec![own, peer])), expected);
    }

    #[test]
    fn without_the_peer_there_are_no_ratios() {
        let text = render(&figures(vec![row("http", &[Some((5.5, 90_000.0, false)), None])]));
        assert!(text.contains("| http   | 5.50 |    – |\n"), "{text}");
    }
}
