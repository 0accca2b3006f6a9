//! The metrics as text, in the OpenMetrics format.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use selectio_host::{Statistics, WorkerStatistics};
use std::fmt;

/// The media type of the text. Prometheus takes the version from it.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is told of the guests, at any time.
pub(super) struct Exposition(Registry);

impl Exposition {
    pub(super) fn new(statistics: Statistics) -> Exposition {
        let mut registry = Registry::with_prefix("selectio");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version of this host", build);
        registry.register_collector(Box::new(Workers(statistics)));
        Exposition(registry)
    }

    /// The numbers of this moment.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string doesn't fail.
        let _ = text::encode(&mut text, &self.0);
        text
    }
}

/// Reads the numbers of all workers when somebody asks.
#[derive(Debug)]
struct Workers(Statistics);

impl Collector for Workers {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families { encoder, workers: self.0.workers() };
        families.gauge("connections_open", None, "Accepted connections that are open.", |of| of.connections_open)?;
        families.counter("connections_accepted", None, "Connections accepted.", |of| of.connections_accepted)?;
        families.counter("received", Some(Unit::Bytes), "Bytes received over sockets.", |of| of.received_bytes)?;
        families.counter("sent", Some(Unit::Bytes), "Bytes sent over sockets.", |of| of.sent_bytes)?;
        families.counter("waits", None, "Waits in poll_oneoff that have ended.", |of| of.waits)?;
        families.gauge(
            "memory",
            Some(Unit::Bytes),
            "Size of the program's memories and tables, and of what this host keeps for it.",
            |of| of.memory_bytes,
        )?;
        families.counter("restarts", None, "How often the program was started anew.", |of| of.restarts)?;
        let uptime = |of: &WorkerStatistics| of.uptime.map_or(0.0, |uptime| uptime.as_secs_f64());
        families.gauge(
            "uptime",
            Some(Unit::Seconds),
            "How long the program has been running; 0 while it isn't.",
            uptime,
        )
    }
}

/// Writes families of metrics, with one metric for each worker.
struct Families<'a> {
    encoder: DescriptorEncoder<'a>,
    workers: Vec<WorkerStatistics>,
}

impl Families<'_> {
    fn counter(
        &mut self,
        name: &str,
        unit: Option<Unit>,
        help: &str,
        value: impl Fn(&WorkerStatistics) -> u64,
    ) -> fmt::Result {
        self.family(name, unit, help, |of| ConstCounter::new(value(of)))
    }

    fn gauge<N>(
        &mut self,
        name: &str,
        unit: Option<Unit>,
        help: &str,
        value: impl Fn(&WorkerStatistics) -> N,
    ) -> fmt::Result
    where
        ConstGauge<N>: EncodeMetric,
    {
        self.family(name, unit, help, |of| ConstGauge::new(value(of)))
    }

    fn family<M: EncodeMetric>(
        &mut self,
        name: &str,
        unit: Option<Unit>,
        help: &str,
        metric: impl Fn(&WorkerStatistics) -> M,
    ) -> fmt::Result {
        let Some(kind) = self.workers.first().map(|of| metric(of).metric_type()) else { return Ok(()) };
        let mut family = self.encoder.encode_descriptor(name, help, unit.as_ref(), kind)?;
        for (worker, of) in self.workers.iter().enumerate() {
            metric(of).encode(family.encode_family(&[("worker", worker)])?)?;
        }
        Ok(())
    }
}
