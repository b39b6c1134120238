//! Joining and splitting against each other: nobody gets a row that is another's.

use mlhost_wire::values::ElementType;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::Port;

/// An input of `rows` rows and two columns whose elements are all `key`.
fn keyed(element_type: ElementType, rows: u32, key: u8) -> Tensor {
    let count = rows as usize * 2;
    let elements = match element_type {
        ElementType::Boolean => Elements::Boolean(vec![key % 2; count]),
        ElementType::Bf16 => Elements::Bf16(vec![key.into(); count]),
        ElementType::F16 => Elements::F16(vec![key.into(); count]),
        ElementType::F32 => Elements::F32(vec![key.into(); count]),
        ElementType::F64 => Elements::F64(vec![key.into(); count]),
        ElementType::S8 => Elements::S8(vec![(key % 100) as i8; count]),
        ElementType::S16 => Elements::S16(vec![key.into(); count]),
        ElementType::S32 => Elements::S32(vec![key.into(); count]),
        ElementType::S64 => Elements::S64(vec![key.into(); count]),
        ElementType::U8 => Elements::U8(vec![key; count]),
        ElementType::U16 => Elements::U16(vec![key.into(); count]),
        ElementType::U32 => Elements::U32(vec![key.into(); count]),
        ElementType::U64 => Elements::U64(vec![key.into(); count]),
        ElementType::Text => {
            Elements::Text((0..count).map(|at| "x".repeat(usize::from(key) % 5 + at % 2)).collect())
        }
    };
    Tensor { shape: vec![rows, 2], elements }
}

const TYPES: [ElementType; 14] = [
    ElementType::Boolean,
    ElementType::Bf16,
    ElementType::F16,
    ElementType::F32,
    ElementType::F64,
    ElementType::S8,
    ElementType::S16,
    ElementType::S32,
    ElementType::S64,
    ElementType::U8,
    ElementType::U16,
    ElementType::U32,
    ElementType::U64,
    ElementType::Text,
];

proptest! {
    #[test]
    fn each_call_gets_back_its_own_rows(
        element_type in prop::sample::select(TYPES.to_vec()),
        calls in vec((1..4u32, any::<u8>(), prop::bool::ANY), 1..6),
    ) {
        // Output 0 is what went in, output 1 belongs to all rows alike, output 2 is what went in again.
        let jobs: Vec<Job> = calls.iter().map(|(rows, key, all)| Job {
            inputs: vec![keyed(element_type, *rows, *key)],
            outputs: if *all { vec![2, 1, 0] } else { vec![0] },
        }).collect();
        let jobs: Vec<&Job> = jobs.iter().collect();
        for job in &jobs {
            prop_assert!(joins(jobs[0], job));
        }
        let joined = join(&jobs).unwrap();
        prop_assert!(joined.inputs[0].check("joined").is_ok());
        let rows: u64 = calls.iter().map(|(rows, ..)| u64::from(*rows)).sum();
        prop_assert_eq!(load(&joined).map(|load| load.rows), Some(rows));
        let keys = Tensor { shape: vec![3], elements: Elements::S64(vec![7, 8, 9]) };
        let results: Vec<NamedTensor> = joined.outputs.iter().map(|output| NamedTensor {
            name: output.to_string(),
            tensor: if *output == 1 { keys.clone() } else { joined.inputs[0].clone() },
        }).collect();
        let answers = split(&jobs, &joined, &results, &[false, true, false]).unwrap();
        for (job, answer) in jobs.iter().zip(answers) {
            prop_assert_eq!(answer.len(), job.outputs.len());
            for (output, named) in job.outputs.iter().zip(answer) {
                prop_assert_eq!(&named.name, &output.to_string());
                prop_assert_eq!(&named.tensor, if *output == 1 { &keys } else { &job.inputs[0] });
            }
        }
    }
}

fn job(shape: &[u32], elements: Elements) -> Job {
    Job { inputs: vec![Tensor { shape: shape.to_vec(), elements }], outputs: vec![0] }
}

#[test]
fn calls_join_that_differ_in_rows_alone() {
    let one = job(&[1, 2], Elements::F32(vec![0.0; 2]));
    for (other, expected) in [
        (job(&[3, 2], Elements::F32(vec![0.0; 6])), true),
        (job(&[1, 3], Elements::F32(vec![0.0; 3])), false),
        (job(&[1, 2, 1], Elements::F32(vec![0.0; 2])), false),
        (job(&[1, 2], Elements::F64(vec![0.0; 2])), false),
        (Job { inputs: vec![], outputs: vec![] }, false),
    ] {
        assert_eq!(joins(&one, &other), expected, "{other:?}");
    }
}

#[test]
fn a_call_without_rows_or_with_inputs_that_disagree_is_run_alone() {
    let disagree =
        Job { inputs: vec![keyed(ElementType::F32, 1, 0), keyed(ElementType::F32, 2, 0)], outputs: vec![] };
    let scalar = job(&[], Elements::F32(vec![0.0]));
    for job in
        [disagree, scalar, job(&[0, 2], Elements::F32(vec![])), Job { inputs: vec![], outputs: vec![] }]
    {
        assert_eq!(load(&job), None, "{job:?}");
    }
}

#[test]
fn an_output_without_a_row_for_each_row_is_not_split() {
    let jobs = [job(&[1, 2], Elements::F32(vec![0.0; 2])), job(&[2, 2], Elements::F32(vec![0.0; 4]))];
    let jobs: Vec<&Job> = jobs.iter().collect();
    let joined = join(&jobs).unwrap();
    for shape in [&[1u32, 3][..], &[4], &[]] {
        let elements = Elements::F32(vec![0.0; shape.iter().product::<u32>() as usize]);
        let tensor = Tensor { shape: shape.to_vec(), elements };
        assert_eq!(split(&jobs, &joined, &[NamedTensor { name: "y".into(), tensor }], &[false]), None);
    }
}

#[test]
fn only_a_free_first_axis_of_every_input_is_joined() {
    let port = |shape: &[Option<u32>]| Port {
        name: "x".into(),
        element_type: ElementType::F32,
        shape: shape.to_vec(),
    };
    for (inputs, expected) in [
        (vec![port(&[None, Some(4)])], true),
        (vec![port(&[None]), port(&[None, None])], true),
        (vec![port(&[Some(1), Some(4)])], false),
        (vec![port(&[None]), port(&[])], false),
        (vec![], false),
    ] {
        assert_eq!(has_free_first_axis(&GraphInfo { inputs, outputs: vec![] }), expected);
    }
}
