//! What this machine has: clients, and servers that are set up so that they do the same as the others and no more.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result};
use selectio_driver::cargo;

use super::contenders::contender;
use crate::server::{Program, Server};

/// Where servers are, which a user's search path may leave out.
const SERVER_FOLDERS: [&str; 2] = ["/usr/local/sbin", "/usr/sbin"];

/// The program of this name; without it, a remark that `what` is left out.
pub fn find(name: &str, what: &str, debian_package: &str, remarks: &mut Vec<String>) -> Option<PathBuf> {
    let found = look_for(name);
    if found.is_none() {
        remarks.push(format!("{what} is left out: `{name}` is not installed (Debian: {debian_package})"));
    }
    found
}

/// The program of this name.
pub fn look_for(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(SERVER_FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// nginx, which answers everything with `body`.
pub fn nginx(body: &str, remarks: &mut Vec<String>) -> Result<Option<Server>> {
    let Some(executable) = find("nginx", "nginx", "nginx-light", remarks) else { return Ok(None) };
    let folder = cargo::target_folder()?.join("bench").join("nginx");
    fs::create_dir_all(&folder)?;
    let address = free_address()?;
    fs::write(folder.join("nginx.conf"), nginx_configuration(address, body))?;
    let folder = unicode(&folder)?;
    let arguments = ["-p", folder, "-c", "nginx.conf", "-e", "stderr"].map(str::to_owned).to_vec();
    Ok(Some(contender("nginx", Program::Installed { executable, arguments, address })))
}

/// One process in the foreground, which serves by itself: it ends when it is killed, and its CPU time is all there is. All
/// files are in the folder that it is started with, so any user can do that. The limit of requests on a connection, which
/// none of the others has, is out of reach.
fn nginx_configuration(address: SocketAddr, body: &str) -> String {
    let text = body.replace('\n', "\\n");
    let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|of| format!("{of}_temp_path {of};"));
    format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr;\n\
        events {{ worker_connections 4096; }}\n\
        http {{\n\
        access_log off; keepalive_requests 1000000000; default_type 'text/plain; charset=utf-8';\n\
        {}\n\
        server {{ listen {address} backlog=4096; location / {{ return 200 \"{text}\"; }} }}\n\
        }}\n",
        folders.join(" ")
    )
}

/// A Redis that keeps everything in memory only.
pub fn redis_server(remarks: &mut Vec<String>) -> Result<Option<Server>> {
    let Some(executable) = find("redis-server", "redis-server", "redis-server", remarks) else { return Ok(None) };
    let address = free_address()?;
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let arguments = ["--bind", &host, "--port", &port, "--save", "", "--appendonly", "no"].map(str::to_owned).to_vec();
    Ok(Some(contender("redis-server", Program::Installed { executable, arguments, address })))
}

/// A loopback port that is free now. Nobody holds it until the server is started.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn unicode(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("the path {} is not in Unicode", path.display()))
}

#[cfg(test)]
mod tests {
    use super::{find, nginx_configuration};

    #[test]
    fn what_is_not_installed_is_left_out_with_a_word() {
        let mut remarks = Vec::new();
        assert!(find("sh", "everything", "dash", &mut remarks).is_some() && remarks.is_empty());
        assert!(find("no-such-program", "half of it", "some-package", &mut remarks).is_none());
        assert_eq!(remarks, ["half of it is left out: `no-such-program` is not installed (Debian: some-package)"]);
    }

    #[test]
    fn nginx_answers_with_the_text() {
        let text = nginx_configuration(([127, 0, 0, 1], 8080).into(), "Hello!\n");
        let server = "server { listen 127.0.0.1:8080 backlog=4096; location / { return 200 \"Hello!\\n\"; } }";
        assert!(text.contains(server) && text.contains("proxy_temp_path proxy;"), "{text}");
    }
}
