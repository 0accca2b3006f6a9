//! One scene: three sockets in a network of their own, and what a handler of the first one does.

use std::cell::{Cell, RefCell};
use std::io;
use std::panic;
use std::rc::Rc;
use std::sync::Once;
use std::time::Duration;

use selectio::sim::{Client, Entered, Network};
use selectio::{AsyncSocket, Dispatcher, Shutdown};
use selectio_platform::{Backend, Found, this_target};

use super::record::{Event, Handler, Name, Record};

/// What a handler can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    CloseSelf,
    CloseOther,
    RegisterSelf,
    RegisterThird,
    UnregisterSelf,
    UnregisterOther,
    Send,
    SetWrite,
    DeleteWrite,
    Pause,
    Resume,
    ShutDown,
    CloseAfterFlush,
    CloseWhileLent,
    Fail,
    Panic,
}

impl Action {
    /// Those of which long sequences are played.
    pub const BASIC: [Action; 11] = [
        Action::CloseSelf,
        Action::CloseOther,
        Action::RegisterSelf,
        Action::RegisterThird,
        Action::UnregisterSelf,
        Action::UnregisterOther,
        Action::Send,
        Action::SetWrite,
        Action::DeleteWrite,
        Action::Fail,
        Action::Panic,
    ];

    pub const ALL: [Action; 16] = [
        Action::CloseSelf,
        Action::CloseOther,
        Action::RegisterSelf,
        Action::RegisterThird,
        Action::UnregisterSelf,
        Action::UnregisterOther,
        Action::Send,
        Action::SetWrite,
        Action::DeleteWrite,
        Action::Pause,
        Action::Resume,
        Action::ShutDown,
        Action::CloseAfterFlush,
        Action::CloseWhileLent,
        Action::Fail,
        Action::Panic,
    ];
}

/// The sockets of a scene. The actor and the other are registered, in this order.
const ACTOR: Name = "actor";
const OTHER: Name = "other";
const THIRD: Name = "third";
const NAMES: [Name; 3] = [ACTOR, OTHER, THIRD];

const ON_PURPOSE: &str = "on purpose";

/// What handlers see of the scene.
struct Stage {
    record: Record,
    sockets: RefCell<Vec<AsyncSocket>>,
    /// What the actor does, in the first call of the handler that this scene is about.
    script: (Handler, Vec<Action>),
    is_played: Cell<bool>,
    sent_count: Cell<usize>,
}

pub struct Scene {
    network: Network,
    dispatcher: Dispatcher,
    stage: Rc<Stage>,
    clients: Vec<Client>,
    _inside: Entered,
}

impl Scene {
    pub fn new(handler: Handler, actions: Vec<Action>) -> Scene {
        let network = Network::new(0);
        let inside = network.enter();
        let dispatcher = Dispatcher::new().expect("a dispatcher");
        // Thousands of scenes fail as their scripts say.
        dispatcher.set_handle_error(|_, _| {});
        let stage = Rc::new(Stage {
            record: Record::default(),
            sockets: RefCell::default(),
            script: (handler, actions),
            is_played: Cell::new(false),
            sent_count: Cell::new(0),
        });
        let mut scene = Scene { network, dispatcher, stage, clients: Vec::new(), _inside: inside };
        scene.add_actor(handler);
        scene.add_stream();
        scene.add_stream();
        for (index, socket) in scene.stage.sockets.borrow().iter().enumerate() {
            Stage::set_handlers(&scene.stage, socket, NAMES[index]);
        }
        scene
    }

    fn add_actor(&mut self, handler: Handler) {
        match handler {
            Handler::Accept => {
                let listener = AsyncSocket::listener("127.0.0.1:0").expect("a listener");
                let address = listener.local_addr().expect("it is bound").inet().expect("an address");
                self.clients.push(self.network.connect_from_outside(address));
                self.stage.sockets.borrow_mut().push(listener);
            }
            Handler::Connect => {
                let outside = self.network.listen_outside();
                let socket = AsyncSocket::new().expect("a socket");
                socket.connect("127.0.0.1", outside.address().port()).expect("connecting starts");
                self.let_arrive();
                self.clients.push(outside.accept().expect("it was connected"));
                self.stage.sockets.borrow_mut().push(socket);
            }
            _ => {
                self.add_stream();
                match handler {
                    Handler::Drain => self.fill_actor(),
                    Handler::Close => self.clients[0].shutdown(),
                    Handler::Error => self.clients[0].reset(),
                    _ => {}
                }
            }
        }
    }

    /// The actor's client takes nothing for now, and the actor has sent enough to be told when it does.
    fn fill_actor(&mut self) {
        self.clients[0].pause();
        let actor = self.stage.socket(0);
        actor.set_send_water_marks(0, 0).expect("they are the same");
        while !actor.is_send_buffer_full() {
            self.stage.sent_count.set(self.stage.sent_count.get() + 16 * 1024);
            actor.send("sent".repeat(16 * 1024)).expect("it fits the buffer");
        }
    }

    /// A connection with a line that has arrived.
    fn add_stream(&mut self) {
        let listener = AsyncSocket::listener("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("it is bound").inet().expect("an address");
        let client = self.network.connect_from_outside(address);
        client.send("line\n");
        self.let_arrive();
        self.stage.sockets.borrow_mut().push(listener.accept().expect("it listens").expect("it is connected"));
        self.clients.push(client);
    }

    fn let_arrive(&self) {
        let mut selector = this_target().selector(Backend::Default).expect("a selector");
        selector.select(Some(Duration::from_millis(1)), &mut Found::default()).expect("waiting works");
    }

    pub fn play(self) {
        self.let_arrive();
        for (index, name) in [ACTOR, OTHER].into_iter().enumerate() {
            self.stage.register(&self.dispatcher, index, name).expect("it is open");
        }
        match self.stage.script.0 {
            Handler::Drain => self.clients[0].resume(),
            Handler::Timer => Stage::start_timer(&self.stage, &self.dispatcher),
            _ => {}
        }
        for _ in 0..4 {
            self.poll();
        }
        assert!(self.stage.is_played.get(), "the handler was called: {:?}", self.stage.script);
        self.let_arrive();
        self.check_bytes();
        self.end();
    }

    fn poll(&self) {
        self.stage.record.note(Event::PollStarts);
        let is_open = self.dispatcher.poll(Duration::from_millis(5));
        let is_open = is_open.unwrap_or_else(|error| panic!("{error} in {:?}", self.stage.script));
        let mut registered = self.stage.record.check(&self.stage.script);
        if self.stage.socket(0).is_closed() {
            // One that was to close may have done so since.
            registered.retain(|name| *name != ACTOR);
        }
        assert_eq!(self.dispatcher.len(), registered.len(), "P9: {registered:?} in {:?}", self.stage.script);
        assert_eq!(is_open, !registered.is_empty(), "P7: {registered:?} in {:?}", self.stage.script);
    }

    /// What the actor sent has arrived, and whoever is registered has been served.
    fn check_bytes(&self) {
        let script = &self.stage.script;
        let (sockets, sent_count) = (self.stage.sockets.borrow(), self.stage.sent_count.get());
        let received = self.clients[0].take_received();
        let sent = "sent".repeat(sent_count);
        assert!(sent.as_bytes().starts_with(&received), "P11: {script:?}");
        // Where the kernel was full, an actor that is unregistered has nobody who sends the rest later.
        let has_rest = script.0 == Handler::Drain && sockets[0].is_send_data_buffered();
        if !sockets[0].is_closed() && script.0 != Handler::Error && !has_rest {
            assert!(received == sent.as_bytes(), "P11: {} of {} bytes, {script:?}", received.len(), sent.len());
        }
        for name in self.stage.record.check(script).into_iter().filter(|name| *name != ACTOR) {
            assert!(self.stage.record.was_called(name, Handler::Read), "{name} starved in {script:?}");
        }
    }

    /// Nothing leaks: without handles every descriptor is closed.
    fn end(self) {
        let Scene { network, dispatcher, stage, clients, _inside } = self;
        stage.sockets.borrow_mut().clear();
        dispatcher.close_all().expect("closing works");
        assert_eq!(network.open_descriptor_count(), 0, "{:?}", stage.script);
        drop(clients);
    }
}

impl Stage {
    fn set_handlers(stage: &Rc<Stage>, socket: &AsyncSocket, name: Name) {
        let handler = |kind: Handler| {
            let stage = stage.clone();
            move |socket: &AsyncSocket, dispatcher: &Dispatcher| stage.act(name, kind, socket, dispatcher)
        };
        socket.set_handle_accept(handler(Handler::Accept));
        socket.set_handle_connect(handler(Handler::Connect));
        socket.set_handle_read(handler(Handler::Read));
        socket.set_handle_close(handler(Handler::Close));
        socket.set_handle_drain(handler(Handler::Drain));
        socket.set_handle_task(handler(Handler::Task));
        if name == ACTOR && stage.script.0 == Handler::Write {
            socket.set_handle_write(handler(Handler::Write));
        }
        let act = handler(Handler::Error);
        let record = stage.record.clone();
        socket.set_handle_error(move |socket, dispatcher, _| {
            // What an accept handler returns after it has accepted is about the client.
            let _closing = (!socket.is_listening()).then(|| Closing(&record, name));
            // An error handler has no error of its own to return.
            let _ = act(socket, dispatcher);
        });
    }

    fn start_timer(stage: &Rc<Stage>, dispatcher: &Dispatcher) {
        let own = stage.clone();
        stage.socket(0).call_after(dispatcher, Duration::ZERO, move |socket, dispatcher| {
            own.act(ACTOR, Handler::Timer, socket, dispatcher)
        });
    }

    /// Any handler: notes its call, takes in what there is, and the actor's does what the script says.
    fn act(
        self: &Rc<Stage>,
        name: Name,
        handler: Handler,
        socket: &AsyncSocket,
        dispatcher: &Dispatcher,
    ) -> io::Result<()> {
        self.record.note(Event::Called(name, handler));
        match handler {
            Handler::Read => while socket.read_line()?.full().is_some() {},
            Handler::Accept => while socket.accept()?.is_some() {},
            _ => {}
        }
        if name != ACTOR || handler != self.script.0 || self.is_played.replace(true) {
            return Ok(());
        }
        for action in &self.script.1 {
            self.perform(*action, socket, dispatcher)?;
        }
        Ok(())
    }

    /// Calls in a state that does not allow them are refused; the handler goes on.
    fn perform(self: &Rc<Stage>, action: Action, actor: &AsyncSocket, dispatcher: &Dispatcher) -> io::Result<()> {
        match action {
            Action::CloseSelf => self.close(0, ACTOR),
            Action::CloseOther => self.close(1, OTHER),
            Action::RegisterSelf => drop(self.register(dispatcher, 0, ACTOR)),
            Action::RegisterThird => drop(self.register(dispatcher, 2, THIRD)),
            Action::UnregisterSelf => self.unregister(dispatcher, 0, ACTOR),
            Action::UnregisterOther => self.unregister(dispatcher, 1, OTHER),
            Action::Send => {
                if actor.send("sent").is_ok() {
                    self.sent_count.set(self.sent_count.get() + 1);
                }
            }
            Action::SetWrite => {
                let stage = self.clone();
                actor.set_handle_write(move |actor, dispatcher| stage.act(ACTOR, Handler::Write, actor, dispatcher));
            }
            Action::DeleteWrite => actor.del_handle_write(),
            Action::Pause => actor.pause_reading(),
            Action::Resume => actor.resume_reading(),
            Action::ShutDown => drop(actor.shutdown(Shutdown::Write)),
            Action::CloseAfterFlush => {
                actor.close_after_flush().expect("closing works");
                self.record.note(if actor.is_closed() { Event::Closed(ACTOR) } else { Event::Closing(ACTOR) });
            }
            Action::CloseWhileLent => {
                // One that is closed already lends nothing.
                let _ = actor.with_descriptor(|_| actor.close());
                self.record.note(Event::Closed(ACTOR));
            }
            Action::Fail | Action::Panic => {
                self.record.note(Event::Failed(ACTOR));
                if action == Action::Panic {
                    panic!("{ON_PURPOSE}");
                }
                return Err(io::Error::other(ON_PURPOSE));
            }
        }
        Ok(())
    }

    fn socket(&self, index: usize) -> AsyncSocket {
        self.sockets.borrow()[index].clone()
    }

    fn close(&self, index: usize, name: Name) {
        self.socket(index).close().expect("closing works");
        self.record.note(Event::Closed(name));
    }

    fn register(&self, dispatcher: &Dispatcher, index: usize, name: Name) -> io::Result<()> {
        dispatcher.register(&self.socket(index))?;
        self.record.note(Event::Registered(name));
        Ok(())
    }

    fn unregister(&self, dispatcher: &Dispatcher, index: usize, name: Name) {
        if dispatcher.unregister(&self.socket(index)).is_ok() {
            self.record.note(Event::Unregistered(name));
        }
    }
}

/// Notes that a socket is closed when its error handler ends, however it does.
struct Closing<'a>(&'a Record, Name);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.note(Event::Closed(self.1));
    }
}

/// Thousands of scenes panic as their scripts say: only other panics are worth a message.
pub fn silence_panics_on_purpose() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if info.payload_as_str() != Some(ON_PURPOSE) {
                others(info);
            }
        }));
    });
}
