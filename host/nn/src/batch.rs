//! Several calls as one: their tensors joined along the first axis, and what came of it split again.
//!
//! `runner.rs` calls this around a run of more than one entry. Pure: no ONNX Runtime, no clock. Nothing here trusts a
//! graph: an output that has not as many rows as went in cannot be split, and the caller runs each call by itself.

use mlhost_wire::values::{Elements, NamedTensor, Packed, Tensor};

use crate::GraphInfo;
use crate::queue::Load;
use crate::runner::Job;

/// Whether the graph says that its first axis is free, for every input: only then are calls joined.
pub(crate) fn has_free_first_axis(info: &GraphInfo) -> bool {
    !info.inputs.is_empty() && info.inputs.iter().all(|port| port.shape.first() == Some(&None))
}

/// What a call weighs; `None` where its inputs do not agree on a number of rows.
pub(crate) fn load(job: &Job) -> Option<Load> {
    let rows = *job.inputs.first()?.shape.first()?;
    let agree = job.inputs.iter().all(|tensor| tensor.shape.first() == Some(&rows));
    let elements = job.inputs.iter().map(|tensor| tensor.elements.len() as u64).sum();
    (rows > 0 && agree).then_some(Load { rows: rows.into(), elements })
}

/// Whether two calls differ in nothing but their rows.
pub(crate) fn joins(one: &Job, two: &Job) -> bool {
    one.inputs.len() == two.inputs.len()
        && one.inputs.iter().zip(&two.inputs).all(|(one, two)| {
            one.elements.element_type() == two.elements.element_type()
                && one.shape.get(1..) == two.shape.get(1..)
        })
}

/// One call of all of them, which join each other; it asks for every output that one of them wants. `None` past the
/// size of an axis or of a text tensor.
pub(crate) fn join(jobs: &[&Job]) -> Option<Job> {
    let (first, others) = jobs.split_first()?;
    let mut inputs = first.inputs.clone();
    for (position, whole) in inputs.iter_mut().enumerate() {
        for job in others {
            let part = job.inputs.get(position)?;
            let rows = whole.shape.first()?.checked_add(*part.shape.first()?)?;
            *whole.shape.first_mut()? = rows;
            append(&mut whole.elements, &part.elements)?;
        }
    }
    let mut outputs: Vec<usize> = jobs.iter().flat_map(|job| job.outputs.iter().copied()).collect();
    outputs.sort_unstable();
    outputs.dedup();
    Some(Job { inputs, outputs })
}

/// Every call's own part of what the joined call gave, in the order that the call wants it. An output that `shared`
/// names belongs to all rows alike. `None` where an output has not one entry for each row that went in.
pub(crate) fn split(
    jobs: &[&Job],
    joined: &Job,
    results: &[NamedTensor],
    shared: &[bool],
) -> Option<Vec<Vec<NamedTensor>>> {
    let rows: Vec<usize> =
        jobs.iter().map(|job| Some(*job.inputs.first()?.shape.first()? as usize)).collect::<Option<_>>()?;
    let total: usize = rows.iter().sum();
    let mut answers: Vec<Vec<NamedTensor>> =
        jobs.iter().map(|job| Vec::with_capacity(job.outputs.len())).collect();
    for (output, result) in joined.outputs.iter().zip(results) {
        let shared = shared.get(*output).copied().unwrap_or(false);
        if !shared && result.tensor.shape.first().map(|size| *size as usize) != Some(total) {
            return None;
        }
    }
    let mut start = 0;
    for ((job, rows), answer) in jobs.iter().zip(rows).zip(&mut answers) {
        for output in &job.outputs {
            let place = joined.outputs.binary_search(output).ok()?;
            let result = results.get(place)?;
            let tensor = if shared.get(*output).copied().unwrap_or(false) {
                result.tensor.clone()
            } else {
                part(&result.tensor, start, rows, total)?
            };
            answer.push(NamedTensor { name: result.name.clone(), tensor });
        }
        start += rows;
    }
    Some(answers)
}

/// Rows `start..start + rows` of a tensor of `total` rows.
fn part(tensor: &Tensor, start: usize, rows: usize, total: usize) -> Option<Tensor> {
    let width = tensor.elements.len().checked_div(total)?;
    let elements = slice(&tensor.elements, start * width, (start + rows) * width)?;
    let mut shape = tensor.shape.clone();
    *shape.first_mut()? = u32::try_from(rows).ok()?;
    Some(Tensor { shape, elements })
}

/// Writes a match over the element types, the same for each but for texts.
macro_rules! by_type {
    ($elements:expr, $values:ident => $same:expr, $texts:ident => $text:expr) => {
        match $elements {
            Elements::Boolean($values) => $same.map(Elements::Boolean),
            Elements::Bf16($values) => $same.map(Elements::Bf16),
            Elements::F16($values) => $same.map(Elements::F16),
            Elements::F32($values) => $same.map(Elements::F32),
            Elements::F64($values) => $same.map(Elements::F64),
            Elements::S8($values) => $same.map(Elements::S8),
            Elements::S16($values) => $same.map(Elements::S16),
            Elements::S32($values) => $same.map(Elements::S32),
            Elements::S64($values) => $same.map(Elements::S64),
            Elements::U8($values) => $same.map(Elements::U8),
            Elements::U16($values) => $same.map(Elements::U16),
            Elements::U32($values) => $same.map(Elements::U32),
            Elements::U64($values) => $same.map(Elements::U64),
            Elements::Text($texts) => $text.map(Elements::Text),
        }
    };
}

fn slice(elements: &Elements, start: usize, end: usize) -> Option<Elements> {
    by_type!(elements, values => values.get(start..end).map(<[_]>::to_vec), texts => {
        let mut packed = Packed::with_capacity(end.saturating_sub(start), 0);
        (start..end).try_for_each(|index| packed.push(texts.get(index)?).then_some(())).map(|()| packed)
    })
}

/// Appends elements of the same type.
fn append(whole: &mut Elements, part: &Elements) -> Option<()> {
    match (whole, part) {
        (Elements::Boolean(whole), Elements::Boolean(part)) | (Elements::U8(whole), Elements::U8(part)) => {
            whole.extend_from_slice(part);
        }
        (Elements::Bf16(whole), Elements::Bf16(part))
        | (Elements::F16(whole), Elements::F16(part))
        | (Elements::U16(whole), Elements::U16(part)) => whole.extend_from_slice(part),
        (Elements::F32(whole), Elements::F32(part)) => whole.extend_from_slice(part),
        (Elements::F64(whole), Elements::F64(part)) => whole.extend_from_slice(part),
        (Elements::S8(whole), Elements::S8(part)) => whole.extend_from_slice(part),
        (Elements::S16(whole), Elements::S16(part)) => whole.extend_from_slice(part),
        (Elements::S32(whole), Elements::S32(part)) => whole.extend_from_slice(part),
        (Elements::S64(whole), Elements::S64(part)) => whole.extend_from_slice(part),
        (Elements::U32(whole), Elements::U32(part)) => whole.extend_from_slice(part),
        (Elements::U64(whole), Elements::U64(part)) => whole.extend_from_slice(part),
        (Elements::Text(whole), Elements::Text(part)) => {
            return part.iter().try_for_each(|text| whole.push(text).then_some(()));
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests;
