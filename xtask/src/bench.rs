//! `cargo xtask bench`: what selectio costs beside other event loops, and how many instructions an event takes.

use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use selectio_driver::cargo::{self, WASIP1_TARGET, WASIP2_TARGET};
use selectio_driver::tool::Tool;
use serde_json::Value;

use crate::{hand_over, toolchain};

/// Runs the benchmarks of the package gungraun, whose version is the same.
const GUNGRAUN_RUNNER: Tool<'_> =
    Tool { package: "gungraun-runner", version: "0.20.0", executable: "gungraun-runner", arguments: &[], minutes: 2 };

/// How many events benches/instructions/dispatch.rs delivers.
const EVENTS: u64 = 200;

/// By how much an event may get dearer with 10,000 registered sockets in place of one.
const RATIO_MAX: f64 = 1.3;

/// Builds the load generator and becomes it, with the option that says how much of it is to be measured.
pub fn run(extent: Option<&str>) -> Result<ExitCode> {
    toolchain::ensure_target(WASIP1_TARGET)?;
    toolchain::ensure_target(WASIP2_TARGET)?;
    let mut command = cargo::command();
    command.args(["run", "--quiet", "--release", "--package", "selectio-bench", "--bin", "selectio-bench", "--"]);
    command.args(extent);
    hand_over::to(command)
}

/// Counts the dispatcher's instructions with one registered socket and with many, and compares.
pub fn count_instructions() -> Result<ExitCode> {
    let mut command = cargo::command();
    command.env("GUNGRAUN_RUNNER", GUNGRAUN_RUNNER.ensure()?);
    command.args(["bench", "--quiet", "--package", "selectio-bench", "--bench", "dispatch", "--"]);
    eprintln!("counting instructions");
    let output = command.arg("--output-format=json").stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "the instructions could not be counted: see above; it needs Debian's valgrind");
    let text = String::from_utf8(output.stdout)?;
    let counts: Vec<(String, u64)> = text.lines().map(counted).collect::<Result<_>>()?;
    let [(_, first), .., (_, last)] = counts[..] else { anyhow::bail!("fewer benchmarks ran than there are") };
    // Counting begins at a function that is known by its name only.
    ensure!(first > 0, "no instructions were counted: a function that benches/instructions names has another name now");
    for (name, count) in &counts {
        let each = count / EVENTS;
        println!("{name}: {each} instructions an event, {:.3} times those of the first", *count as f64 / first as f64);
    }
    let ratio = last as f64 / first as f64;
    ensure!(ratio <= RATIO_MAX, "that is {ratio:.2} times as many; no more than {RATIO_MAX} are allowed");
    Ok(ExitCode::SUCCESS)
}

/// The name of a benchmark and its count of instructions, of one line of the runner's report.
fn counted(line: &str) -> Result<(String, u64)> {
    let report: Value = serde_json::from_str(line).context("the runner's report is not in JSON")?;
    let count = &report["profiles"][0]["data"]["total"]["metrics"]["Ir"]["values"]["new"];
    let count = count.as_u64().context("the runner's report has no count of instructions")?;
    Ok((report["id"].as_str().unwrap_or_default().to_owned(), count))
}

#[cfg(test)]
mod tests {
    use super::{GUNGRAUN_RUNNER, counted};

    #[test]
    fn the_count_is_found_in_a_report() {
        let line = r#"{"id":"many","profiles":[{"data":{"total":{"metrics":{"Ir":{"values":{"new":70}}}}}}]}"#;
        assert_eq!(counted(line).expect("a report"), ("many".to_owned(), 70));
        assert!(counted("{}").is_err() && counted("no report").is_err());
    }

    #[test]
    fn the_runner_is_of_the_version_of_the_package() {
        let manifest = include_str!("../../benches/Cargo.toml");
        assert!(manifest.contains(&format!("gungraun = \"={}\"", GUNGRAUN_RUNNER.version)), "{manifest}");
    }
}
