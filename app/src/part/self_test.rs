//! The self-test on screen (E12): a button, then each check with how it went and how long it took. Owns the findings; what
//! is checked is the SDK's affair.

use crate::client::{Check, Finding, Verdict, checks, self_test};
use crate::locale;
use crate::part::icon::{Icon, icon};
use leptos::prelude::*;
use leptos::task::spawn_local;

/// How far the test has come.
#[derive(Clone, PartialEq)]
enum Run {
    Never,
    UnderWay(Vec<Finding>),
    Over(Vec<Finding>),
}

impl Run {
    fn finding(&self, check: Check) -> Option<Finding> {
        match self {
            Run::Never => None,
            Run::UnderWay(findings) | Run::Over(findings) => {
                findings.iter().find(|finding| finding.check == check).copied()
            }
        }
    }
}

/// The card of the self-test.
#[component]
pub(crate) fn SelfTestCard() -> impl IntoView {
    let text = &locale::text().self_test;
    let run = RwSignal::new(Run::Never);
    let is_under_way = move || matches!(*run.read(), Run::UnderWay(_));
    let start = move |_| {
        if run.with_untracked(|run| matches!(run, Run::UnderWay(_))) {
            return;
        }
        run.set(Run::UnderWay(Vec::new()));
        spawn_local(async move {
            let mut findings = Vec::new();
            self_test(|finding| {
                findings.push(finding);
                // The page may have gone meanwhile.
                run.try_set(Run::UnderWay(findings.clone()));
            })
            .await;
            run.try_set(Run::Over(findings));
        });
    };
    let summary = move || match &*run.read() {
        Run::Never => text.lead.to_owned(),
        Run::UnderWay(findings) => (text.progress)(&number(findings.len()), &number(checks().count())),
        Run::Over(findings) if findings.iter().all(|finding| finding.verdict == Verdict::Passed) => {
            text.passed.to_owned()
        }
        Run::Over(_) => text.failed.to_owned(),
    };
    let row = move |check: Check| {
        let finding = move || run.read().finding(check);
        let (kind, name) = (move || finding().map(|finding| finding.verdict), (text.check)(check));
        view! {
            <li class="check" class:check-failed=move || kind() == Some(Verdict::Failed)>
                <span class="check-mark" aria-hidden="true">
                    {move || match kind() {
                        Some(Verdict::Passed) => Some(icon(Icon::Check)),
                        Some(Verdict::Failed) => Some(icon(Icon::Alert)),
                        None => None,
                    }}
                </span>
                <span>{name}</span>
                <span class="check-time">
                    {move || finding().map(outcome)}
                </span>
            </li>
        }
    };
    view! {
        <section class="card" aria-labelledby="self-test-title">
            <h2 id="self-test-title">{text.title}</h2>
            <p role="status">{summary}</p>
            <Show when=move || *run.read() != Run::Never>
                <ul>{checks().map(row).collect_view()}</ul>
            </Show>
            <div class="form-row">
                <button type="button" class="button" aria-disabled=move || is_under_way().to_string() on:click=start>
                    {icon(Icon::Key)}
                    {text.start}
                </button>
            </div>
        </section>
    }
    .into_any()
}

fn outcome(finding: Finding) -> String {
    let text = locale::text();
    match finding.verdict {
        Verdict::Passed => (text.link.milliseconds)(&locale::number(u32::try_from(finding.took.0).unwrap_or(u32::MAX))),
        Verdict::Failed => text.self_test.check_failed.to_owned(),
    }
}

fn number(count: usize) -> String {
    locale::number(u32::try_from(count).unwrap_or(u32::MAX))
}
