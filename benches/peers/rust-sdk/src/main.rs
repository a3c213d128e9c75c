//! What a competent Rust user writes instead: the official SDK, 16 requests in flight, its own retries.
//!
//! usage: rust-sdk-loop INPUT.csv REPORT.csv      (endpoint, region and keys from the environment)
//!
//! Reads the input as it sends, so its memory does not grow with the file; writes the result of every row.

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use aws_sdk_chimesdkvoice::Client;
use aws_sdk_chimesdkvoice::config::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_chimesdkvoice::error::ProvideErrorMetadata;
use futures::StreamExt;

const BATCH: usize = 50;
const IN_FLIGHT: usize = 16;

type Batch = (String, Vec<String>);

/// Rows of one connector, 50 at a time.
fn batches(mut rows: csv::StringRecordsIntoIter<std::fs::File>) -> impl Iterator<Item = Batch> {
    let mut waiting: HashMap<String, Vec<String>> = HashMap::new();
    std::iter::from_fn(move || {
        for row in rows.by_ref().flatten() {
            let batch = waiting.entry(row[0].to_owned()).or_default();
            batch.push(row[1].to_owned());
            if batch.len() == BATCH {
                return waiting.remove_entry(&row[0]);
            }
        }
        let connector = waiting.keys().next()?.clone();
        waiting.remove_entry(&connector)
    })
}

/// Each number's error code, empty if it succeeded.
async fn remove(client: Client, (connector, numbers): Batch) -> (String, Vec<(String, String)>) {
    let request = client.disassociate_phone_numbers_from_voice_connector().voice_connector_id(&connector);
    let results = match request.set_e164_phone_numbers(Some(numbers.clone())).send().await {
        Ok(reply) => {
            let errors: HashMap<_, _> =
                reply.phone_number_errors().iter().map(|e| (e.phone_number_id(), e.error_code())).collect();
            let code = |number: &str| errors.get(&Some(number)).and_then(|code| code.map(|code| code.to_string()));
            numbers.iter().map(|number| (number.clone(), code(number).unwrap_or_default())).collect()
        }
        Err(error) => {
            let code = error.code().unwrap_or("DispatchFailure").to_owned();
            numbers.into_iter().map(|number| (number, code.clone())).collect()
        }
    };
    (connector, results)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let [_, source, target] = &std::env::args().collect::<Vec<_>>()[..] else { return Err("two files".into()) };
    let config = aws_config::from_env()
        .retry_config(RetryConfig::standard().with_max_attempts(10))
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(60)).build());
    let client = Client::new(&config.load().await);
    let rows = csv::Reader::from_path(source)?.into_records();
    let requests = batches(rows).map(|batch| remove(client.clone(), batch));
    let mut replies = futures::stream::iter(requests).buffer_unordered(IN_FLIGHT);
    let mut report = csv::Writer::from_path(target)?;
    report.write_record(["voice_connector_id", "phone_number", "status", "error_code"])?;
    while let Some((connector, results)) = replies.next().await {
        for (number, code) in results {
            let status = if code.is_empty() { "succeeded" } else { "failed" };
            report.write_record([&connector, &number, status, &code])?;
        }
    }
    Ok(report.flush()?)
}
