//! Digits: images of 8 × 8 grey values in, the most probable digits out.
//!
//! Uses the standard `wasi:nn` interfaces, so its way to the graph would be the same in another host that has them.
//! `top_k` shows a parameter with a default.

use mlhost_guest::{Context, Error, Input, Output, Params, Predictor, Tensor, Tensors, wasi_nn};

const PIXELS: usize = 64;
const DIGITS: usize = 10;

/// What a caller calls white, and what the graph was trained to call so.
const WHITE: (f32, f32) = (255.0, 16.0);

/// The model; its graph is opened in every call, because a handle belongs to one instance.
pub struct Digits;

// === impl Digits ===

impl Predictor for Digits {
    fn load_context(_context: &Context) -> Result<Self, Error> {
        Ok(Self)
    }

    fn predict(&self, input: Input, params: Params) -> Result<Output, Error> {
        let count = count(&params)?;
        let images = input.into_tensors()?.into_single().map_err(Error::rejected)?;
        let &[rows, PIXELS] = images.shape() else {
            let shape = images.shape();
            return Err(Error::rejected(format_args!(
                "images must be of shape [n, {PIXELS}], not {shape:?}"
            )));
        };
        let grey = images.as_f32().map_err(Error::rejected)?;
        let scaled: Vec<f32> = grey.iter().map(|value| value / WHITE.0 * WHITE.1).collect();
        let graph = wasi_nn::Graph::load_by_name("digits")?;
        let mut outputs = graph.compute([("input", Tensor::f32([rows, PIXELS], scaled)?)])?;
        let probabilities = outputs.take("probabilities")?.into_f32()?;
        let (mut digits, mut certainties) = (Vec::new(), Vec::new());
        for image in probabilities.chunks_exact(DIGITS) {
            let mut ranked: Vec<(i64, f32)> = (0..).zip(image.iter().copied()).collect();
            // Stable: of two equally probable digits the smaller comes first.
            ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
            digits.extend(ranked.iter().take(count).map(|(digit, _)| *digit));
            certainties.extend(ranked.iter().take(count).map(|(_, probability)| *probability));
        }
        let shape = [rows, count];
        let digits = Tensor::s64(shape, digits)?;
        let certainties = Tensor::f32(shape, certainties)?;
        Ok(Tensors::from([("digit", digits), ("probability", certainties)]).into())
    }
}

/// How many digits the caller wants for each image.
fn count(params: &Params) -> Result<usize, Error> {
    let wanted = params.integer("top_k")?.unwrap_or(1);
    let count = usize::try_from(wanted).ok().filter(|count| (1..=DIGITS).contains(count));
    count.ok_or_else(|| Error::rejected(format_args!("`top_k` must be from 1 to {DIGITS}, not {wanted}")))
}

mlhost_guest::export!(Digits);

#[cfg(test)]
mod tests {
    use mlhost_guest::{Value, testing};

    use super::*;

    fn predict(input: Tensor, top_k: Option<i64>) -> Result<Output, Error> {
        let params = top_k.map(|count| ("top_k", Value::Integer(count))).into_iter().collect();
        Digits.predict(Input::Tensors(input.into()), params)
    }

    fn register() {
        testing::graph("digits", |inputs| {
            let input = inputs.get("input")?;
            assert_eq!(input.as_f32()?[..2], [16.0, 8.0]);
            let mut probabilities = [0.0; DIGITS];
            (probabilities[3], probabilities[7], probabilities[8]) = (0.25, 0.5, 0.25);
            Ok(Tensors::from([
                ("label", Tensor::s64([1], [7])?),
                ("probabilities", Tensor::f32([1, DIGITS], probabilities)?),
            ]))
        });
    }

    fn image() -> Tensor {
        let mut pixels = vec![0.0; PIXELS];
        (pixels[0], pixels[1]) = (255.0, 127.5);
        Tensor::f32([1, PIXELS], pixels).unwrap()
    }

    #[test]
    fn the_most_probable_digits_come_first_and_one_by_default() {
        register();
        for (top_k, digits, probabilities) in
            [(None, &[7][..], &[0.5][..]), (Some(3), &[7, 3, 8][..], &[0.5, 0.25, 0.25][..])]
        {
            let shape = [1, digits.len()];
            let expected = Tensors::from([
                ("digit", Tensor::s64(shape, digits).unwrap()),
                ("probability", Tensor::f32(shape, probabilities).unwrap()),
            ]);
            assert_eq!(predict(image(), top_k), Ok(expected.into()));
        }
    }

    #[test]
    fn a_count_that_makes_no_sense_is_rejected() {
        for count in [0, -1, 11] {
            let message = format!("`top_k` must be from 1 to 10, not {count}");
            assert_eq!(predict(image(), Some(count)), Err(Error::rejected(message)));
        }
    }

    #[test]
    fn an_image_of_another_shape_or_type_is_rejected() {
        for input in [
            Tensor::f32([64], vec![0.0; 64]),
            Tensor::f32([1, 3], vec![0.0; 3]),
            Tensor::s64([1, 64], vec![0; 64]),
        ] {
            assert!(predict(input.unwrap(), None).is_err_and(|error| error.is_rejected()));
        }
    }
}
