//! Sizes and times as people write them on a command line.

use std::time::Duration;

const SIZE_UNITS: &[(&str, u64)] = &[("", 1), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)];

const TIME_UNITS_MS: &[(&str, u64)] = &[("ms", 1), ("", 1_000), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// A number of bytes such as `65536`, `512K`, `64M` or `2G`.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    number_with_unit(text, SIZE_UNITS)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| "write a number of bytes, or one with K, M or G, such as 64M".to_owned())
}

/// A time limit: without any time, nothing could run.
pub(crate) fn time_limit(text: &str) -> Result<Duration, String> {
    match time(text)? {
        Duration::ZERO => Err("give it some time, or leave the limit out".to_owned()),
        limit => Ok(limit),
    }
}

/// A time such as `30`, `30s`, `500ms`, `5m` or `1h`.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    number_with_unit(text, TIME_UNITS_MS)
        .map(Duration::from_millis)
        .ok_or_else(|| "write seconds, or a number with ms, s, m or h, such as 500ms".to_owned())
}

fn number_with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_without_any_time_is_refused() {
        assert_eq!(time_limit("1ms"), Ok(Duration::from_millis(1)));
        assert!(time_limit("0").is_err() && time_limit("0h").is_err());
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("65536"), Ok(65_536));
        assert_eq!(size("64M"), Ok(64 << 20));
        for wrong in ["", "M", "64MB", "-1", "1.5G", "99999999999G"] {
            assert!(size(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn times_have_units() {
        assert_eq!(time("30"), Ok(Duration::from_secs(30)));
        assert_eq!(time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(time("5m"), Ok(Duration::from_secs(300)));
        for wrong in ["", "s", "1 s", "1d", "-1s"] {
            assert!(time(wrong).is_err(), "{wrong:?}");
        }
    }
}
