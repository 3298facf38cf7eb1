//! `cargo xtask bench`: figures beside their budgets. Owns which figure is measured by which program and what must be built
//! first; with `--json`, standard output holds only lines `{name, value, unit, budget, within, peer, ratio}`.
use crate::failure::Failure;
use crate::process::{program, run_speaking};
use crate::step::step;
use crate::{app, house, server, setup};

/// What can be measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Figure {
    Append,
    Connects,
    Fanout,
    Idle,
    Rooms,
    Storm,
    Crypto,
    Size,
}

const FIGURES: [(&str, Figure); 8] = [
    ("append", Figure::Append),
    ("connects", Figure::Connects),
    ("fanout", Figure::Fanout),
    ("idle", Figure::Idle),
    ("rooms", Figure::Rooms),
    ("storm", Figure::Storm),
    ("crypto", Figure::Crypto),
    ("size", Figure::Size),
];

/// Measures one figure, or all.
pub(crate) fn bench(arguments: &[String]) -> Result<(), Failure> {
    let json = arguments.iter().any(|argument| argument == "--json").then_some("--json");
    let mut chosen = Vec::new();
    for word in arguments.iter().filter(|argument| *argument != "--json") {
        let figure = FIGURES.iter().find(|(name, _)| name == word);
        chosen.push(*figure.ok_or_else(|| {
            Failure::Usage(format!(
                "there is no benchmark {word}: append, connects, fanout, idle, rooms, storm, crypto, size"
            ))
        })?);
    }
    if chosen.is_empty() {
        chosen.extend(FIGURES);
    }
    let mut failed = Vec::new();
    for (name, figure) in chosen {
        if let Err(failure) = measure(name, figure, json) {
            eprintln!("xtask: {failure}");
            failed.push(name);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed { what: format!("could not measure {}", failed.join(", ")) })
}

fn measure(name: &str, figure: Figure, json: Option<&str>) -> Result<(), Failure> {
    match figure {
        Figure::Append | Figure::Connects | Figure::Fanout | Figure::Idle | Figure::Rooms | Figure::Storm => {
            // The server under measure serves the app too; an empty folder would not be the server that ships.
            setup::for_app()?;
            app::build()?;
            if figure == Figure::Fanout {
                setup::nchan()?;
            }
            let (server, generator) = server::build_release()?;
            step(&format!("measure {name}"), || {
                run_speaking(program(generator).arg(name).arg("--server").arg(server).args(json))
            })
        }
        Figure::Crypto => {
            setup::for_app()?;
            step("measure crypto", || {
                run_speaking(
                    program("node")
                        .arg("tools/bench/crypto.mjs")
                        .args(json)
                        .env("CARGO_TARGET_DIR", house::web_target()),
                )
            })
        }
        Figure::Size => {
            setup::for_app()?;
            app::build()?;
            step("measure size", || run_speaking(program("node").arg("tools/web/size.mjs").args(json)))
        }
    }
}
