//! From the graph's vectors, one a position, to one vector a text: their mean, at length one.
//!
//! Called by `lib` for each run of the graph, as the model's authors say. Padding never counts.

/// The least that a vector's length is divided by, as PyTorch's `normalize` has it.
const SHORTEST: f32 = 1e-12;

/// The mean of the first `count` vectors of `positions`, at length one, into `embedding`; `count` is at least one.
pub(crate) fn pool(positions: &[f32], count: usize, embedding: &mut [f32]) {
    embedding.fill(0.0);
    for position in positions.chunks_exact(embedding.len()).take(count) {
        for (sum, value) in embedding.iter_mut().zip(position) {
            *sum += value;
        }
    }
    let divisor = count as f32;
    let mut squares = 0.0;
    for value in &mut *embedding {
        *value /= divisor;
        squares += *value * *value;
    }
    let length = squares.sqrt().max(SHORTEST);
    for value in embedding {
        *value /= length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_that_of_the_texts_own_positions_at_length_one() {
        let mut embedding = [9.0; 2];
        pool(&[1.0, 2.0, 5.0, 6.0, 100.0, 100.0], 2, &mut embedding);
        assert_eq!(embedding, [0.6, 0.8]);
    }

    #[test]
    fn nothing_at_all_is_not_divided_by_zero() {
        let mut embedding = [9.0; 2];
        pool(&[0.0; 4], 2, &mut embedding);
        assert_eq!(embedding, [0.0; 2]);
    }
}
