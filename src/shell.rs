//! Commands that the user has configured, run by the system's shell.
//!
//! Must not leave anything running that it was told to end.

use std::io;
use std::process::{ExitStatus, Output};

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, ChildStdin, Command};

/// A command, ready to be started.
pub(crate) struct Shell {
    command: Command,
    has_group: bool,
}

impl Shell {
    /// `has_group`: in a process group of its own, so that what the command has started ends with it. Such a group
    /// cannot read from a terminal.
    pub(crate) fn new(text: &str, has_group: bool) -> Self {
        let mut command = shell(text);
        #[cfg(unix)]
        if has_group {
            command.process_group(0);
        }
        command.kill_on_drop(true);
        Self { command, has_group }
    }

    /// For its environment, input and output.
    pub(crate) fn command(&mut self) -> &mut Command {
        &mut self.command
    }

    /// Starts it.
    pub(crate) fn spawn(mut self) -> io::Result<Running> {
        let child = self.command.spawn()?;
        Ok(Running { group: child.id().filter(|_| self.has_group), child })
    }
}

/// A command that runs. It is ended, with all that it has started, if this is dropped before it has ended.
pub(crate) struct Running {
    child: Child,
    /// Its process group, as long as it runs.
    group: Option<u32>,
}

impl Running {
    /// Its standard input, once, if that is a pipe.
    pub(crate) fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Waits for its end. What it leaves running then was meant to be.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.group = None;
        status
    }

    /// Waits for its end, and returns what it has written.
    pub(crate) async fn output(&mut self) -> io::Result<Output> {
        let (stdout, stderr) = (self.child.stdout.take(), self.child.stderr.take());
        let (status, stdout, stderr) = tokio::try_join!(self.child.wait(), whole(stdout), whole(stderr))?;
        self.group = None;
        Ok(Output { status, stdout, stderr })
    }

    /// Ends it.
    pub(crate) async fn end(mut self) {
        self.kill_group();
        let _ = self.child.kill().await;
    }

    fn kill_group(&mut self) {
        #[cfg(unix)]
        if let Some(group) =
            self.group.take().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?))
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL); // it may be gone
        }
    }
}

async fn whole(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill_group();
    }
}

#[cfg(unix)]
fn shell(text: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(text);
    command
}

#[cfg(windows)]
fn shell(text: &str) -> Command {
    let mut command = Command::new("cmd");
    // As it was typed: cmd has its own rules for quotes.
    command.arg("/C").raw_arg(text);
    command
}
