//! One client of the program under test: the ways in which a program can read from it, and a timer that it restarts.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use selectio::{AsyncSocket, Dispatcher, ReadLine, Timer};

use super::watch::Watched;

/// How the program reads from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Lines, in the read handler.
    Lines,
    /// In the read handler too, a line and raw bytes in turn.
    LinesAndBytes,
    /// Lines, in a task, without a read handler.
    Task,
    /// Lines, in a timer, without a read handler.
    Timer,
}

impl Manner {
    pub const ALL: [Manner; 4] = [Manner::Lines, Manner::LinesAndBytes, Manner::Task, Manner::Timer];
}

#[derive(Clone)]
pub struct Member {
    pub socket: AsyncSocket,
    pub watched: Watched,
    pub manner: Manner,
    /// Raw bytes of a line whose end has not come.
    raw: Rc<RefCell<Vec<u8>>>,
    /// The next bytes are read raw.
    is_raw_next: Rc<Cell<bool>>,
    alarm: Rc<Alarm>,
}

/// A timer that is put off and called off.
#[derive(Default)]
struct Alarm {
    timer: Cell<Option<Timer>>,
    /// Before this it must not ring.
    due: Cell<Duration>,
}

impl Member {
    pub fn new(socket: AsyncSocket, watched: Watched, manner: Manner) -> Member {
        Member { socket, watched, manner, raw: Rc::default(), is_raw_next: Rc::default(), alarm: Rc::default() }
    }

    /// Whether the program serves it: it is registered, and neither closed nor about to be.
    pub fn is_served(&self) -> bool {
        !self.socket.is_closed() && !self.watched.is_closing() && self.watched.is_registered()
    }

    /// The next whole line without its end, if one has come.
    pub fn next_line(&self) -> io::Result<Option<Vec<u8>>> {
        if self.is_raw_next.get() {
            return self.next_raw_line();
        }
        let Some(line) = self.socket.read_line()?.full() else { return Ok(None) };
        self.watched.on_line();
        self.is_raw_next.set(self.manner == Manner::LinesAndBytes);
        Ok(Some(line.to_vec()))
    }

    fn next_raw_line(&self) -> io::Result<Option<Vec<u8>>> {
        let mut raw = self.raw.borrow_mut();
        loop {
            if let Some(end) = raw.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = raw.drain(..=end).collect();
                line.truncate(line.trim_ascii_end().len());
                self.is_raw_next.set(!raw.is_empty());
                return Ok(Some(line));
            }
            let mut buffer = [0; 100];
            match self.socket.recv(&mut buffer)? {
                Some(length @ 1..) => raw.extend_from_slice(&buffer[..length]),
                _ => return Ok(None),
            }
        }
    }

    /// Waits a little for a line, as a program may that knows no better.
    pub fn wait_for_line(&self) -> io::Result<Option<Vec<u8>>> {
        if self.is_raw_next.get() {
            return Ok(None);
        }
        match self.socket.blocking(Duration::from_micros(500)).read_line() {
            Ok(ReadLine::Full(line)) => Ok(Some(line.to_vec())),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Closes it in the middle of whatever runs.
    pub fn cut(&self) -> io::Result<()> {
        self.watched.on_cut();
        self.socket.close()
    }

    pub fn close_after_flush(&self) -> io::Result<()> {
        self.watched.on_closing();
        self.socket.close_after_flush()
    }

    /// Sets the timer; `rings` is called when it is over, and says whether it is to ring again.
    pub fn set_alarm(
        &self,
        dispatcher: &Dispatcher,
        delay: Duration,
        rings: impl Fn() -> Option<Duration> + 'static,
        violate: impl Fn(&str) + 'static,
    ) {
        let (watched, alarm) = (self.watched.clone(), self.alarm.clone());
        let timer = self.socket.call_after(dispatcher, delay, move |socket, dispatcher| {
            watched.on_timer("a timer", socket);
            let Some(timer) = alarm.timer.get() else {
                violate("a timer that was cancelled has rung");
                return Ok(());
            };
            if dispatcher.now() < alarm.due.get() {
                violate("a timer has rung before its time");
            }
            match rings() {
                Some(delay) => alarm.put_off(timer, delay, dispatcher),
                None => alarm.timer.set(None),
            }
            Ok(())
        });
        self.alarm.timer.set(Some(timer));
        self.alarm.due.set(dispatcher.now() + delay);
    }

    pub fn put_alarm_off(&self, delay: Duration, dispatcher: &Dispatcher) {
        if let Some(timer) = self.alarm.timer.get() {
            self.alarm.put_off(timer, delay, dispatcher);
        }
    }

    pub fn call_alarm_off(&self, dispatcher: &Dispatcher) {
        if let Some(timer) = self.alarm.timer.take() {
            dispatcher.cancel(timer);
        }
    }
}

impl Alarm {
    fn put_off(&self, timer: Timer, delay: Duration, dispatcher: &Dispatcher) {
        if dispatcher.restart(timer, delay) {
            self.due.set(dispatcher.now() + delay);
        }
    }
}
