//! Which of the processes that share an input this one is: as `--shard` says, or the engine that has started it.
//!
//! Must not ask the engine: its variables tell.

use std::fmt;

use crate::cli::ShardArg;
use crate::hint::Hinted;
use crate::input::Shard;

use super::failure::UsageError;

/// An engine that starts many processes, and says to each which one it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    Slurm,
    Batch,
    Kubernetes,
}

impl Engine {
    const ALL: [Self; 3] = [Self::Slurm, Self::Batch, Self::Kubernetes];

    /// The variable that has the process's index.
    fn index(self) -> &'static str {
        match self {
            Self::Slurm => "SLURM_ARRAY_TASK_ID",
            Self::Batch => "AWS_BATCH_JOB_ARRAY_INDEX",
            Self::Kubernetes => "JOB_COMPLETION_INDEX",
        }
    }

    /// The variable that has the count of processes, if there is one.
    fn count(self) -> Option<&'static str> {
        match self {
            Self::Slurm => Some("SLURM_ARRAY_TASK_COUNT"),
            Self::Batch => Some("AWS_BATCH_JOB_ARRAY_SIZE"),
            Self::Kubernetes => None,
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Slurm => "a Slurm array",
            Self::Batch => "an array job of AWS Batch",
            Self::Kubernetes => "an Indexed Job of Kubernetes",
        })
    }
}

/// The shard, in an environment that `get` reads.
///
/// # Errors
/// If the environment does not say it, or contradicts what was typed.
pub(super) fn resolve<'a>(arg: ShardArg, get: impl Fn(&str) -> Option<&'a str>) -> Result<Shard, UsageError> {
    let typed = match arg {
        ShardArg::Given(shard) => return Ok(shard),
        ShardArg::Auto(count) => count,
    };
    let error = |what: String, hint: &str| UsageError(Hinted::new(format!("--shard auto: {what}"), hint));
    let by_hand = "`--shard K/N` says it, with K from 1";
    let engines: Vec<_> = Engine::ALL.into_iter().filter(|engine| get(engine.index()).is_some()).collect();
    let engine = match *engines {
        [engine] => engine,
        [] => {
            let names = Engine::ALL.map(|engine| format!("`{}` ({engine})", engine.index()));
            return Err(error(format!("none of these variables is set: {}", names.join(", ")), by_hand));
        }
        [one, two, ..] => {
            return Err(error(format!("`{}` and `{}` are both set", one.index(), two.index()), by_hand));
        }
    };
    let number = |name: &str| {
        let text = get(name).ok_or_else(|| error(format!("`{name}` is not set"), by_hand))?;
        let number = text.parse::<u32>();
        number.map_err(|_| error(format!("`{name}` is `{}`, not a number", text.escape_debug()), by_hand))
    };
    let counted = engine.count().map(number).transpose()?;
    let count = match (typed, counted) {
        (Some(typed), Some(counted)) if typed != counted => {
            let what = format!("{typed} shards were asked for, but {engine} has {counted} tasks");
            return Err(error(what, "leave out the count, or start as many tasks"));
        }
        (Some(count), _) | (None, Some(count)) => count,
        (None, None) => {
            let what = format!("{engine} does not tell its processes how many they are");
            return Err(error(what, "`--shard auto/N` says it: N is the Job's `completions`"));
        }
    };
    let index = number(engine.index())?;
    let from_0 = match engine {
        Engine::Batch | Engine::Kubernetes => Some(index),
        Engine::Slurm => {
            let step = get("SLURM_ARRAY_TASK_STEP").map_or(Ok(1), |_| number("SLURM_ARRAY_TASK_STEP"))?;
            let above = index.checked_sub(number("SLURM_ARRAY_TASK_MIN")?);
            above.filter(|above| above.checked_rem(step) == Some(0)).map(|above| above / step)
        }
    };
    let shard = from_0.and_then(|index| Shard::new(index.checked_add(1)?, count));
    shard.ok_or_else(|| {
        let what = format!("index {index} of {engine} is none of {count} in a row, or they are over 10,000");
        error(what, by_hand)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Environment;

    /// `SLURM_ARRAY_TASK_ID=3 …`, with short names.
    fn environment(text: &str) -> Environment {
        let long = |name: &str| match name {
            "I" => "AWS_BATCH_JOB_ARRAY_INDEX".to_owned(),
            "SIZE" => "AWS_BATCH_JOB_ARRAY_SIZE".to_owned(),
            "JOB" => "JOB_COMPLETION_INDEX".to_owned(),
            name => format!("SLURM_ARRAY_TASK_{name}"),
        };
        text.split_whitespace()
            .filter_map(|it| it.split_once('='))
            .map(|(name, value)| (long(name), value.to_owned()))
            .collect()
    }

    #[test]
    fn the_engine_says_which_shard_it_is() {
        let slurm = "ID=3 COUNT=4 MIN=0 MAX=3 STEP=1";
        for (typed, variables, expected) in [
            ("2/4", "", Ok("2/4")),
            ("2/4", slurm, Ok("2/4")),
            ("auto", slurm, Ok("4/4")),
            ("auto/4", slurm, Ok("4/4")),
            ("auto", "ID=1 COUNT=4 MIN=1", Ok("1/4")),
            ("auto", "ID=25 COUNT=4 MIN=10 STEP=5", Ok("4/4")),
            ("auto", "I=0 SIZE=2", Ok("1/2")),
            ("auto", "I=9999 SIZE=10000", Ok("10000/10000")),
            ("auto/3", "JOB=2", Ok("3/3")),
            ("auto", "JOB=2", Err("does not tell its processes how many they are")),
            ("auto", "", Err("none of these variables is set: `SLURM_ARRAY_TASK_ID` (a Slurm array), `AWS")),
            (
                "auto",
                "JOB=2 I=0 SIZE=2",
                Err("`AWS_BATCH_JOB_ARRAY_INDEX` and `JOB_COMPLETION_INDEX` are both set"),
            ),
            ("auto", "ID=3 COUNT=4", Err("`SLURM_ARRAY_TASK_MIN` is not set")),
            ("auto", "I=0", Err("`AWS_BATCH_JOB_ARRAY_SIZE` is not set")),
            ("auto", "I=x SIZE=2", Err("`AWS_BATCH_JOB_ARRAY_INDEX` is `x`, not a number")),
            ("auto/3", slurm, Err("3 shards were asked for, but a Slurm array has 4 tasks")),
            // `--array=1,2,7`: not in a row.
            (
                "auto",
                "ID=7 COUNT=3 MIN=1 MAX=7 STEP=1",
                Err("index 7 of a Slurm array is none of 3 in a row"),
            ),
            ("auto", "ID=4 COUNT=3 MIN=1 STEP=2", Err("index 4 of a Slurm array")),
            ("auto", "ID=4 COUNT=3 MIN=1 STEP=0", Err("index 4 of a Slurm array")),
            ("auto", "ID=1 COUNT=3 MIN=2", Err("index 1 of a Slurm array")),
            ("auto", "I=2 SIZE=2", Err("index 2 of an array job of AWS Batch")),
            ("auto", "I=4294967295 SIZE=2", Err("index 4294967295")),
            ("auto", "I=2 SIZE=10001", Err("over 10,000")),
        ] {
            let environment = environment(variables);
            let resolved = resolve(typed.parse().unwrap(), |name| environment.get(name));
            let resolved = resolved.map(|shard| shard.to_string()).map_err(|error| error.to_string());
            match expected {
                Ok(shard) => assert_eq!(resolved.as_deref(), Ok(shard), "{typed} {variables}"),
                Err(part) => {
                    assert!(
                        resolved.as_ref().is_err_and(|error| error.contains(part)),
                        "{variables}: {resolved:?}"
                    );
                }
            }
        }
    }
}
