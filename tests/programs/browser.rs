//! Chromium without a window, by the protocol of its driver: it opens the page of a program, types, and sees what is shown.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use selectio_driver::known_client;
use selectio_driver::process::{Process, Stream};

use crate::LIMIT;
use crate::raw::connect;

/// ChromeDriver, and a session of it.
pub struct Browser {
    address: SocketAddr,
    session: String,
    _driver: Process,
}

/// How often another one had the port.
const STARTS_MAX: usize = 5;

impl Browser {
    pub fn start() -> Browser {
        let (driver, port) = (0..STARTS_MAX).find_map(|_| Browser::start_driver()).expect("a port is free");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut browser = Browser { address, session: String::new(), _driver: driver };
        let options = r#"{"args": ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]}"#;
        let session =
            browser.call("", &format!(r#"{{"capabilities": {{"alwaysMatch": {{"goog:chromeOptions": {options}}}}}}}"#));
        browser.session = format!("/{}", member(&session, "sessionId"));
        browser
    }

    /// None when somebody else had the port: it takes a free one of IPv6, and wants the same of IPv4.
    fn start_driver() -> Option<(Process, u16)> {
        let mut command = known_client::command("chromedriver").expect("it is installed");
        command.arg("--port=0");
        let driver = Process::start(command).expect("it starts");
        let port = driver.wait_for(Stream::Stdout, LIMIT, |text| {
            text.split_once("started successfully on port ")?.1.split('.').next()?.parse().ok()
        });
        match port {
            Ok(port) => Some((driver, port)),
            Err(error) if format!("{error:#}").contains("port not available") => None,
            Err(error) => panic!("{error:#}"),
        }
    }

    fn call(&self, path: &str, body: &str) -> String {
        let mut stream = connect(self.address);
        let (path, length) = (format!("/session{}{path}", self.session), body.len());
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all((head + body).as_bytes()).expect("it is connected");
        // It keeps the connection open whatever it was asked.
        let (mut answer, mut received) = (String::new(), 1);
        while received > 0 && !is_whole(&answer) {
            let mut bytes = [0; 4096];
            received = stream.read(&mut bytes).expect("an answer");
            answer += &String::from_utf8_lossy(&bytes[..received]);
        }
        assert!(answer.starts_with("HTTP/1.1 200"), "{body}: {answer}");
        answer
    }

    /// Opens the address in another tab, which is the current one then.
    pub fn open(&self, url: &str) -> String {
        let tab = member(&self.call("/window/new", r#"{"type": "tab"}"#), "handle");
        self.select(&tab);
        self.call("/url", &format!(r#"{{"url": "{url}"}}"#));
        tab
    }

    pub fn select(&self, tab: &str) {
        self.call("/window", &format!(r#"{{"handle": "{tab}"}}"#));
    }

    fn run(&self, script: &str) -> String {
        self.call("/execute/sync", &format!(r#"{{"script": "{script}", "args": []}}"#))
    }

    pub fn say(&self, text: &str) {
        self.run(&format!("document.getElementById('text').value = '{text}'; document.forms[0].requestSubmit();"));
    }

    pub fn wait_for(&self, text: &str) {
        let deadline = Instant::now() + LIMIT;
        loop {
            let said = self.run("return document.getElementById('said').innerText;");
            if said.contains(text) {
                return;
            }
            assert!(Instant::now() < deadline, "{text} is missing: {said}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends the browser with the session.
        if let Ok(mut stream) = TcpStream::connect(self.address) {
            let head =
                format!("DELETE /session{} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", self.session);
            let _ = stream.set_read_timeout(Some(LIMIT));
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.read(&mut [0; 4096]);
        }
    }
}

/// Whether the body of an HTTP response has as many bytes as its head says.
fn is_whole(response: &str) -> bool {
    let Some((head, body)) = response.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    length.is_some_and(|length: usize| body.len() >= length)
}

/// The string of this name in a JSON text.
fn member(json: &str, name: &str) -> String {
    let rest = json.split_once(&format!("\"{name}\":\"")).unwrap_or_else(|| panic!("{name} is missing: {json}")).1;
    rest.split('"').next().unwrap_or_default().to_owned()
}
