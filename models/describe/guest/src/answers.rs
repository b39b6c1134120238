//! Answers of every form, by the names that the captured server's second model gave them.
//!
//! Called for the parameter `k`. Three of them fail, as they did there.

use mlhost_guest::{Error, Output, Table, Tensor, Tensors};

/// 2021-01-01 and 2021-02-02T12:34:56.789, in nanoseconds.
const MOMENTS: [i64; 2] = [1_609_459_200_000_000_000, 1_612_269_296_789_000_000];

/// The answer `name`, where there is one of that name.
pub(crate) fn named(name: &str) -> Option<Result<Output, Error>> {
    Some(match name {
        "series_unnamed" => table(Table::builder().f64("0", [1.5, 2.5]).build()),
        "dt" => table(Table::builder().datetime("t", MOMENTS).build()),
        "nd1" => tensor(Tensor::s64([3], [1, 2, 3])),
        "ndnan" => tensor(Tensor::f64([4], [1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY])),
        "dict_nd" => dict(),
        "npscalar" => tensor(Tensor::f32([], [3.1])),
        "npbool" => tensor(Tensor::boolean([2], [1, 0])),
        "npstr" => tensor(Tensor::text([2], ["a", "b"])),
        "list" => json(r#"[1, "a", null, true]"#),
        "str" => json("\"hello \u{e9} \u{4f60}\""),
        "none" => json("null"),
        "date" => json(r#"["2020-01-02", "2020-01-02T03:04:05"]"#),
        "decimal" => Err(Error::failed("a decimal is no JSON")),
        "raise" => Err(Error::failed("raised on purpose")),
        "mlraise" => Err(Error::failed("custom")),
        _ => return None,
    })
}

fn table(table: Result<Table, Error>) -> Result<Output, Error> {
    table.map(Output::from)
}

fn tensor(tensor: Result<Tensor, Error>) -> Result<Output, Error> {
    tensor.map(Output::from)
}

fn dict() -> Result<Output, Error> {
    let tensors = [("x", Tensor::s64([2], [1, 2])?), ("y", Tensor::f64([1, 1], [0.5])?)];
    Ok(Output::Tensors(Tensors::from(tensors)))
}

fn json(text: &str) -> Result<Output, Error> {
    Ok(Output::Json(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_made_and_three_fail() {
        let names = [
            "series_unnamed",
            "dt",
            "nd1",
            "ndnan",
            "dict_nd",
            "npscalar",
            "npbool",
            "npstr",
            "list",
            "str",
            "none",
            "date",
            "decimal",
            "raise",
            "mlraise",
        ];
        let failed: Vec<_> = names.into_iter().filter(|name| named(name).unwrap().is_err()).collect();
        assert_eq!(failed, ["decimal", "raise", "mlraise"]);
        assert!(named("df").is_none());
    }
}
