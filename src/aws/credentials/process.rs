//! Runs a profile's `credential_process`, and ends it if it takes too long.
//!
//! AWS's provider would leave it running. Must not show its output, which is keys, or its arguments, which may be.

use std::fmt;
use std::io::IsTerminal;
use std::process::Stdio;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError as AwsError;
use aws_credential_types::provider::{ProvideCredentials, Result as AwsResult, future};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::sections::problem_of_key;
use crate::shell::Shell;
use crate::text::escaped;

/// The longest part of what a process says that an error shows.
const SHOWN: usize = 400;

/// A profile's `credential_process`.
#[derive(Clone)]
pub(super) struct Process {
    command: String,
}

impl Process {
    /// What AWS's provider calls it.
    pub(super) const NAME: &str = "ChimeSweepProcess";

    pub(super) fn new(command: String) -> Self {
        Self { command }
    }

    async fn run(&self) -> AwsResult {
        // One that asks its user for a code must stay in the terminal's foreground.
        let asks = std::io::stdin().is_terminal();
        let mut shell = Shell::new(&self.command, !asks);
        shell.command().stdin(if asks { Stdio::inherit() } else { Stdio::null() });
        shell.command().stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = shell.spawn().map_err(|error| failed(format!("it cannot be started: {error}")))?;
        let output = running.output().await.map_err(|error| failed(format!("it failed: {error}")))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = escaped(&said[..said.floor_char_boundary(SHOWN)]).trim().replace("\\n", "; ");
            return Err(failed(format!("it failed: {}: {said}", output.status)));
        }
        credentials(&output.stdout).map_err(failed)
    }
}

fn failed(problem: String) -> AwsError {
    AwsError::provider_error(problem)
}

/// Reads what AWS documents as a process's output.
fn credentials(output: &[u8]) -> Result<Credentials, String> {
    // Its own words could quote a key.
    let fields: Map<String, Value> =
        serde_json::from_slice(output).map_err(|_| "it did not write a JSON object".to_owned())?;
    let field = |name: &str| {
        let found = fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value).filter(|value| !value.is_null())
    };
    if field("Version").and_then(Value::as_u64) != Some(1) {
        return Err("`Version` in its output is not 1".to_owned());
    }
    let text =
        |name: &str| field(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let key = |name: &str| {
        let value = text(name);
        let problem =
            value.and_then(problem_of_key).map(|problem| format!("`{name}` in its output {problem}"));
        problem.map_or(Ok(value.map(str::to_owned)), Err)
    };
    let needed = |name: &str| key(name)?.ok_or_else(|| format!("its output has no `{name}`"));
    let time = |text: &str| SystemTime::try_from(text.parse::<Timestamp>().ok()?).ok();
    let expires = text("Expiration").map(|text| time(text).ok_or("`Expiration` in its output is not a time"));
    let expires = expires.transpose()?;
    let (id, secret, token) = (needed("AccessKeyId")?, needed("SecretAccessKey")?, key("SessionToken")?);
    Ok(Credentials::new(id, secret, token, expires, "credential_process"))
}

impl ProvideCredentials for Process {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.run())
    }
}

/// Not the command: its arguments may be secrets.
impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Process")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(output: &str) -> Result<Credentials, String> {
        credentials(output.as_bytes())
    }

    #[test]
    fn the_output_is_read_as_aws_documents_it() {
        let keys = read(
            r#"{"Version":1,"AccessKeyId":"A","secretaccesskey":"S\n","SessionToken":null,
                "Expiration":"2099-01-01T01:00:00+01:00","AccountId":"1"}"#,
        );
        let keys = keys.unwrap();
        assert_eq!((keys.access_key_id(), keys.secret_access_key(), keys.session_token()), ("A", "S", None));
        assert_eq!(
            keys.expiry().map(|at| Timestamp::try_from(at).unwrap().to_string()).as_deref(),
            Some("2099-01-01T00:00:00Z")
        );
        let wrong = r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","Expiration":"HUSH"}"#;
        assert_eq!(read(wrong).unwrap_err(), "`Expiration` in its output is not a time");
    }

    /// Whether a process is there. One that was killed and that nobody has waited for is a zombie.
    #[cfg(target_os = "linux")]
    fn runs(id: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_process_that_hangs_is_ended_with_what_it_has_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("id");
        let process =
            Process::new(format!("sleep 600 & echo $! > {0}.new; mv {0}.new {0}; wait", file.display()));
        let id = {
            let running = process.run();
            let started = async {
                while !file.exists() {
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
                std::fs::read_to_string(&file).unwrap().trim().to_owned()
            };
            tokio::select! {
                _ = running => panic!("it has ended"),
                id = started => id,
            }
            // The run is dropped, as at a time limit.
        };
        while runs(&id) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}
