//! Options of the kernel's.

use std::io;

use selectio_platform::{IntegerOption, SocketOption};

use super::AsyncSocket;

/// # Options
impl AsyncSocket {
    /// Whether an option of the socket is on. Natively and on wasip2.
    ///
    /// # Errors
    /// `Unsupported` on wasip1; otherwise those of `getsockopt(2)`.
    #[doc(alias = "getSockOpt")]
    pub fn option(&self, option: SocketOption) -> io::Result<bool> {
        self.with_open_descriptor("option", |platform, socket| platform.option(socket, option))
    }

    /// Turns an option of the socket on or off. Natively and on wasip2.
    ///
    /// # Errors
    /// `Unsupported` on wasip1; `InvalidInput` for an option that can only be asked for; otherwise those
    /// of `setsockopt(2)`.
    #[doc(alias = "setSockOpt")]
    pub fn set_option(&self, option: SocketOption, on: bool) -> io::Result<()> {
        self.with_open_descriptor("set_option", |platform, socket| platform.set_option(socket, option, on))
    }

    /// The value of an option of the socket that is a number. Natively and on wasip2.
    ///
    /// # Errors
    /// `Unsupported` on wasip1, and where the system has no such option; otherwise those of `getsockopt(2)`.
    #[doc(alias = "getSockOpt")]
    pub fn integer_option(&self, option: IntegerOption) -> io::Result<u32> {
        self.with_open_descriptor("integer_option", |platform, socket| platform.integer_option(socket, option))
    }

    /// Sets an option of the socket that is a number. The kernel may take it as a hint. Natively and on wasip2.
    ///
    /// # Errors
    /// `Unsupported` on wasip1, and where the system has no such option; otherwise those of `setsockopt(2)`.
    ///
    /// ```no_run
    /// # fn example(client: &selectio::AsyncSocket) -> std::io::Result<()> {
    /// use selectio::{IntegerOption, SocketOption};
    ///
    /// // A peer that has vanished is noticed after two minutes of silence.
    /// client.set_option(SocketOption::KeepAlive, true)?;
    /// client.set_integer_option(IntegerOption::KeepAliveTime, 60)?;
    /// client.set_integer_option(IntegerOption::KeepAliveInterval, 20)?;
    /// client.set_integer_option(IntegerOption::KeepAliveRetries, 3)?;
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "setSockOpt")]
    pub fn set_integer_option(&self, option: IntegerOption, value: u32) -> io::Result<()> {
        self.with_open_descriptor("set_integer_option", |platform, socket| {
            platform.set_integer_option(socket, option, value)
        })
    }
}
