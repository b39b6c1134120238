//! Which texts share a run of the graph, and how far they are padded.
//!
//! Called by `lib` once a call. The bound on a run keeps what the graph answers within the sandbox's memory, however
//! many texts a call has. Never leaves a text out, and never puts one into two runs.

use std::cmp::Reverse;

/// Lengths are padded up to a multiple of this. The host joins calls whose inputs have equal shapes beyond the first
/// axis: the coarser the lengths, the more calls can be joined, and the more padding is computed for nothing. The
/// README has the measurement behind the choice.
const STEP: usize = 4;

/// Most positions of one run, padding included, unless one text alone has more: 3 MiB of what the graph answers.
const POSITIONS: usize = 2048;

/// Texts that share a run.
#[derive(Debug, PartialEq)]
pub(crate) struct Run {
    /// Their places in the call.
    pub(crate) texts: Vec<usize>,
    /// The positions of each, padding included.
    pub(crate) width: usize,
}

/// The runs for texts with this many tokens. Texts of like length share one, so that little is padded.
pub(crate) fn runs(lengths: &[usize]) -> Vec<Run> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|text| Reverse(lengths[*text]));
    let mut runs: Vec<Run> = Vec::new();
    for text in order {
        match runs.last_mut() {
            Some(run) if (run.texts.len() + 1) * run.width <= POSITIONS => run.texts.push(text),
            _ => runs.push(Run { texts: vec![text], width: lengths[text].next_multiple_of(STEP) }),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_as_wide_as_its_longest_text_rounded_up() {
        assert_eq!(runs(&[2, 9, 8]), [Run { texts: vec![1, 2, 0], width: 12 }]);
        assert_eq!(runs(&[8]), [Run { texts: vec![0], width: 8 }]);
        assert_eq!(runs(&[]), []);
    }

    #[test]
    fn many_texts_are_several_bounded_runs_and_each_is_in_one() {
        let lengths: Vec<usize> = (0..1000).map(|text| 2 + text * 7 % 127).collect();
        let runs = runs(&lengths);
        let mut texts: Vec<usize> = runs.iter().flat_map(|run| run.texts.clone()).collect();
        texts.sort_unstable();
        assert!(texts.into_iter().eq(0..1000));
        for run in &runs {
            assert!(run.texts.len() * run.width <= POSITIONS, "{run:?}");
            assert!(run.texts.iter().all(|text| lengths[*text] <= run.width), "{run:?}");
        }
        let padded: usize = runs.iter().map(|run| run.texts.len() * run.width).sum();
        assert!(padded < lengths.iter().sum::<usize>() * 11 / 10, "{padded}");
    }
}
