//! Only reads a CSV file, or copies it: the minimum cost of any program that does either.
//!
//! usage: bare-csv INPUT.csv [COPY.csv]

use csv::{ByteRecord, Reader, Writer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files: Vec<_> = std::env::args_os().skip(1).collect();
    let mut record = ByteRecord::new();
    match &files[..] {
        [input] => {
            let (mut reader, mut bytes) = (Reader::from_path(input)?, 0);
            while reader.read_byte_record(&mut record)? {
                bytes += record.as_slice().len();
            }
            println!("{bytes}");
        }
        [input, copy] => {
            let (mut reader, mut writer) = (Reader::from_path(input)?, Writer::from_path(copy)?);
            writer.write_byte_record(reader.byte_headers()?)?;
            while reader.read_byte_record(&mut record)? {
                writer.write_byte_record(&record)?;
            }
            writer.flush()?;
        }
        _ => return Err("one or two files".into()),
    }
    Ok(())
}
