//! Redis: one command at a time, many of each under way, by `redis-benchmark`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::client;
use super::contenders::Built;
use super::installed;
use super::load::{Done, Load, Program, Run};

/// What `redis-benchmark` calls the commands, and what the table does.
const COMMANDS: [(&str, &str); 5] =
    [("ping_mbulk", "PING"), ("set", "SET"), ("get", "GET"), ("incr", "INCR"), ("lpush", "LPUSH")];

const CLIENTS: usize = 50;
/// How many requests each client sends at once.
const BATCH: u64 = 16;
/// How many requests are measured; before them come some that are not. All are multiples of the batch.
const REQUESTS: u64 = BATCH * 30_000;
const WARM_UP_REQUESTS: u64 = REQUESTS / 10;

/// The example and Redis; none of them without `redis-benchmark`.
pub fn program(built: &Built, remarks: &mut Vec<String>) -> Result<Option<Program>> {
    let Some(client) = installed::find("redis-benchmark", "Redis", "redis-tools", remarks) else { return Ok(None) };
    let mut contenders = built.example("redis")?.to_vec();
    contenders.extend(installed::redis_server(remarks)?);
    let loads = COMMANDS.map(|(command, title)| load(&client, command, title)).into_iter().collect();
    Ok(Some(Program { title: "Redis", unit: "request", peer: "redis-server", contenders, loads }))
}

fn load(client: &Path, command: &'static str, title: &str) -> Load {
    let client = client.to_owned();
    let prepare = move |server: SocketAddr| {
        ask(&client, server, command, WARM_UP_REQUESTS)?;
        let client: PathBuf = client.clone();
        let run: Run = Box::new(move || ask(&client, server, command, REQUESTS));
        Ok(run)
    };
    Load { title: title.to_owned(), prepare: Box::new(prepare) }
}

fn ask(client: &Path, server: SocketAddr, name: &str, requests: u64) -> Result<Done> {
    let mut command = Command::new(client);
    command.args(["-h", &server.ip().to_string(), "-p", &server.port().to_string(), "--csv", "-t", name]);
    command.args(["-c", &CLIENTS.to_string(), "-P", &BATCH.to_string(), "-n", &requests.to_string()]);
    let report = client::run(command)?;
    let per_second = per_second(&report).with_context(|| format!("redis-benchmark says no figure: {report}"))?;
    Ok(Done { requests, per_second })
}

/// The second field of the line about the command; newer versions have a line with headings above it.
fn per_second(report: &str) -> Option<f64> {
    report.lines().find_map(|line| line.strip_prefix('"')?.split("\",\"").nth(1)?.trim_end_matches('"').parse().ok())
}

#[cfg(test)]
mod tests {
    use super::{BATCH, REQUESTS, WARM_UP_REQUESTS, per_second};

    #[test]
    fn the_report_of_redis_benchmark_is_understood() {
        let headings = "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\"\n";
        let line = "\"PING_MBULK\",\"1369863.00\",\"0.351\",\"0.088\",\"0.351\"\n";
        assert_eq!(per_second(&format!("{headings}{line}")), Some(1_369_863.0));
        assert_eq!(per_second("\"SET\",\"250000.00\"\n"), Some(250_000.0));
        assert_eq!(per_second(headings), None);
        assert_eq!(per_second("Could not connect to Redis\n"), None);
    }

    #[test]
    fn as_many_requests_are_sent_as_are_asked_for() {
        assert_eq!((REQUESTS % BATCH, WARM_UP_REQUESTS % BATCH), (0, 0));
    }
}
