//! What no sensible program does, from inside its handlers.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use selectio::{Dispatcher, Shutdown};

use super::member::Member;
use super::server::Shared;

/// How often a write handler is called before it takes itself back.
const WRITE_CALL_COUNT: u32 = 20;

/// How long things that end by themselves go on.
const A_MOMENT: Duration = Duration::from_millis(2);

/// How long nobody listens to who is paused.
const PAUSE: Duration = Duration::from_millis(30);

impl Shared {
    /// Half of it hits the one whose handler runs.
    pub fn make_mischief(self: &Rc<Shared>, own: &Member, dispatcher: &Dispatcher) -> io::Result<()> {
        let victim = self.victim().unwrap_or_else(|| own.clone());
        match self.below(16) {
            // Whoever is accepted next gets its number, and its place in the dispatcher.
            0 | 1 => {
                victim.cut()?;
                self.accept(dispatcher)?;
            }
            2 | 3 => self.unregister(&victim, dispatcher),
            4 => {
                self.unregister(&victim, dispatcher);
                self.register(&victim, dispatcher)?;
            }
            5 => self.set_handle_write(&victim),
            6 => return Err(io::Error::other("mischief")),
            7 => {
                // What it has said and nobody has read is dropped.
                victim.watched.on_cut();
                victim.close_after_flush()?;
            }
            8 => self.pause(&victim, dispatcher),
            9 => self.wait_for_line(own)?,
            10 => self.wait_for_room(&victim),
            11 => {
                victim.watched.on_cut();
                // It may be shut down already, or closing.
                let _ = victim.socket.shutdown(Shutdown::Write);
            }
            12 => {
                victim.watched.on_cut();
                // It may be closed already.
                let _ = victim.socket.with_descriptor(|_| victim.socket.close());
            }
            13 => {
                self.listener.call_after(dispatcher, A_MOMENT, move |_, _| victim.cut());
            }
            _ => {
                self.listener.pause_reading();
                self.listener.call_after(dispatcher, A_MOMENT, |listener, _| {
                    listener.resume_reading();
                    Ok(())
                });
            }
        }
        Ok(())
    }

    fn unregister(&self, victim: &Member, dispatcher: &Dispatcher) {
        if victim.watched.is_registered() && !victim.socket.is_closed() {
            dispatcher.unregister(&victim.socket).expect("it is registered");
            victim.watched.on_unregistered();
        }
    }

    fn set_handle_write(self: &Rc<Shared>, victim: &Member) {
        let (shared, own, mut calls_left) = (self.clone(), victim.clone(), WRITE_CALL_COUNT);
        victim.socket.set_handle_write(move |socket, _| {
            own.watched.on_event("write", socket);
            calls_left -= 1;
            if calls_left == 0 {
                socket.del_handle_write();
            }
            if shared.below(50) == 0 { own.cut() } else { Ok(()) }
        });
    }

    fn pause(&self, victim: &Member, dispatcher: &Dispatcher) {
        victim.socket.pause_reading();
        if !victim.socket.is_closed() && !victim.watched.is_closing() {
            victim.socket.call_after(dispatcher, PAUSE, |socket, _| {
                socket.resume_reading();
                Ok(())
            });
        }
    }

    fn wait_for_line(&self, own: &Member) -> io::Result<()> {
        if own.is_served()
            && let Some(line) = own.wait_for_line()?
        {
            self.take_line(own, &line);
        }
        Ok(())
    }

    /// What a peer did comes out of a call that waits: then nobody else hears of it.
    fn wait_for_room(&self, victim: &Member) {
        if victim.is_served() {
            match victim.socket.blocking(Duration::from_micros(500)).send("") {
                Err(error) if error.kind() != io::ErrorKind::TimedOut => victim.watched.on_cut(),
                _ => {}
            }
        }
    }
}
