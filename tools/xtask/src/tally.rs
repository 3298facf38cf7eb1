//! Counts what test programs say of themselves. Owns the dialects: cargo test, Playwright, TAP of `node --test`,
//! and Autobahn's.

/// Tests that passed and failed so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    /// Counts a line of `cargo test`: `test result: ok. 3 passed; 0 failed; 0 ignored; …`.
    pub(crate) fn cargo_line(&mut self, line: &str) {
        let Some(counts) = line.trim_start().strip_prefix("test result: ") else { return };
        for part in counts.split(['.', ';']) {
            match number_and_word(part) {
                Some((count, "passed")) => self.passed += count,
                Some((count, "failed")) => self.failed += count,
                _ => {}
            }
        }
    }

    /// Counts a line of Playwright's summary: `  3 passed (4.2s)`. What did not run has not passed.
    pub(crate) fn playwright_line(&mut self, line: &str) {
        match number_and_word(line) {
            Some((count, "passed")) => self.passed += count,
            Some((count, "failed" | "flaky" | "interrupted" | "did" | "skipped")) => self.failed += count,
            _ => {}
        }
    }

    /// Counts a line of the summary of `node --test`: `# pass 3`.
    pub(crate) fn tap_line(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let (Some("#"), Some(word), Some(Ok(count))) =
            (words.next(), words.next(), words.next().map(str::parse::<u64>))
        else {
            return;
        };
        match word {
            "pass" => self.passed += count,
            "fail" | "cancelled" | "skipped" | "todo" => self.failed += count,
            _ => {}
        }
    }

    /// Counts the closing line of Autobahn's cases: `autobahn: 301 passed; 0 failed`.
    pub(crate) fn autobahn_line(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("autobahn: ") else { return };
        for part in counts.split(';') {
            match number_and_word(part) {
                Some((count, "passed")) => self.passed += count,
                Some((count, "failed")) => self.failed += count,
                _ => {}
            }
        }
    }

    /// Notes a program that ended badly without naming a failed test, such as one that does not compile.
    pub(crate) fn program_ended(&mut self, well: bool, before: Tally) {
        if !well && self.failed == before.failed {
            self.failed += 1;
        }
    }
}

fn number_and_word(text: &str) -> Option<(u64, &str)> {
    let mut words = text.split_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(count: fn(&mut Tally, &str), lines: &[&str]) -> (u64, u64) {
        let mut tally = Tally::default();
        lines.iter().for_each(|line| count(&mut tally, line));
        (tally.passed, tally.failed)
    }

    #[test]
    fn cargo_results_of_several_binaries_are_summed() {
        let lines = [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 1 filtered out; finished in 0.00s",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ];
        assert_eq!(counted(Tally::cargo_line, &lines), (4, 2));
    }

    #[test]
    fn playwright_tests_that_did_not_pass_are_failed() {
        let lines =
            ["Running 7 tests using 1 worker", "  2 failed", "  1 flaky", "  1 did not run", "  3 passed (4.2s)"];
        assert_eq!(counted(Tally::playwright_line, &lines), (3, 4));
    }

    #[test]
    fn tap_summary_is_counted_and_its_tests_are_not() {
        let lines = ["ok 1 - something # skip", "# tests 5", "# pass 4", "# fail 1", "# duration_ms 12.5"];
        assert_eq!(counted(Tally::tap_line, &lines), (4, 1));
    }

    #[test]
    fn autobahn_verdict_is_counted_and_its_cases_are_not() {
        let lines = ["1.1.1 FAILED OK 3 passed; 4 failed", "autobahn: 300 passed; 1 failed"];
        assert_eq!(counted(Tally::autobahn_line, &lines), (300, 1));
    }

    #[test]
    fn program_that_does_not_compile_counts_as_one_failure() {
        let mut tally = Tally { passed: 4, failed: 0 };
        tally.program_ended(false, tally);
        assert_eq!(tally, Tally { passed: 4, failed: 1 });
        let before = Tally { passed: 4, failed: 0 };
        tally.program_ended(false, before);
        assert_eq!(tally, Tally { passed: 4, failed: 1 }, "the failure was counted already");
    }
}
