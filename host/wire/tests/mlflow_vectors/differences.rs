//! Where mlhost answers otherwise than MLflow, on purpose: each captured case with its reason.
//!
//! The one table of two tests, that of the dialect (`main.rs`) and that of the whole server (`tests/it/mlflow_replay.rs`),
//! and what `docs/mlflow-differences.md` is written from. A case that is listed and does not differ fails, as does one that
//! differs and is not listed.

/// Which cases differ for one reason.
pub(crate) struct Difference {
    /// Why mlhost does otherwise.
    pub(crate) reason: &'static str,
    /// The cases: capture file and name.
    pub(crate) cases: &'static [(&'static str, &'static str)],
}

/// What is seen in the server's answers alone: routes without a model, and how answers are written.
#[allow(dead_code, reason = "the dialect's test sees no answers")]
pub(crate) const OVER_HTTP: &[Difference] = &[
    Difference {
        reason: "a NaN or an infinity is written as null, because the bare words NaN and Infinity are no JSON",
        cases: &[("out", "ndnan")],
    },
    Difference {
        reason: "the errors of routes have the shape of all others; MLflow's have FastAPI's",
        cases: &[("nosig", "POST /ping"), ("nosig", "OPTIONS /invocations"), ("nosig", "GET /metrics")],
    },
    Difference { reason: "the version is mlhost's own", cases: &[("nosig", "GET /version")] },
    Difference {
        reason: "there are no pages of documentation to click through: MLflow's load scripts from other servers",
        cases: &[("nosig", "GET /docs")],
    },
];

/// What a request becomes.
pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        reason: "an integer out of range is refused; MLflow lets it wrap around into another number",
        cases: &[
            ("cols_required", "odd_integer_6_2147483648"),
            ("cols_required", "odd_integer_7_-2147483649"),
            ("cols_required", "odd_integer_8_30000000000.0"),
            ("cols_required", "odd_long_6_9223372036854775808"),
            ("cols_required", "odd_long_7_1e+19"),
        ],
    },
    Difference {
        reason: "the text `false` is false; to MLflow every text that is not empty is true",
        cases: &[
            ("cols_required", "odd_boolean_4_\"false\""),
            ("cols_required", "oddinputs_boolean_4_\"false\""),
        ],
    },
    Difference {
        reason: "a list or an object in a column of single values is refused with its row; MLflow lets some through, \
                 as truth values or as they are, and refuses others with another error code",
        cases: &[
            ("cols_required", "odd_boolean_8_[1]"),
            ("cols_required", "oddinputs_boolean_8_[1]"),
            ("cols_required", "oddinputs_integer_9_[1]"),
            ("cols_required", "odd_string_3_[\"a\"]"),
            ("cols_required", "odd_string_4_{\"a\": 1}"),
            ("cols_required", "oddinputs_string_4_{\"a\": 1}"),
            ("long2_unnamed", "instances_X"),
        ],
    },
    Difference {
        reason: "a column of texts holds texts, spelled as Python spells the value; MLflow leaves other values in it",
        cases: &[("cols_required", "odd_string_1_1.5"), ("cols_required", "odd_string_2_true")],
    },
    Difference {
        reason: "what is not base64 is refused; MLflow drops the characters that it cannot read",
        cases: &[("cols_required", "odd_binary_0_\"###\"")],
    },
    Difference {
        reason: "a moment with a time zone is refused where its row is known; MLflow refuses the whole table later, \
                 with another error code",
        cases: &[
            ("cols_required", "odd_datetime_2_\"2021-01-01T00:00:00Z\""),
            ("cols_required", "odd_datetime_3_\"2021-01-01T00:00:00+02:"),
        ],
    },
    Difference {
        reason: "true is no moment; MLflow reads one nanosecond",
        cases: &[("cols_required", "oddinputs_datetime_9_true")],
    },
    Difference {
        reason: "values of an object are checked and passed on as the JSON they came as; MLflow makes 1.0 of a 1",
        cases: &[("complex", "split_int_in_double")],
    },
    Difference {
        reason: "a guest finds a column without a name by its position, whatever the request calls it",
        cases: &[("long2_unnamed", "split_named"), ("long2_unnamed", "split_null")],
    },
    Difference {
        reason: "each column is cast to its own type; MLflow casts all of them to the first one's and then refuses",
        cases: &[
            ("long2_unnamed", "inputs_2d"),
            ("long2_unnamed", "instances_2d"),
            ("long2_unnamed", "inputs_null"),
            ("long2_unnamed", "wrong_width"),
            ("long2_unnamed", "params_null"),
        ],
    },
    Difference {
        reason: "rows have no names for a guest: the index of a dataframe_split is read and left out",
        cases: &[("cols_optional", "index"), ("cols_required", "index")],
    },
    Difference {
        reason: "a record is an object; MLflow takes bare values, against its own message",
        cases: &[("nosig", "records_scalars")],
    },
    Difference {
        reason: "a missing Content-Type is 415 with a message; MLflow fails with 500",
        cases: &[("nosig", "no_content_type")],
    },
    Difference {
        reason: "another charset is 415 in the shape of every other error; MLflow answers plain text",
        cases: &[("nosig", "charset_latin")],
    },
    Difference {
        reason: "the model of the capture fails on purpose, which the dialect does not see",
        cases: &[("out", "decimal"), ("out", "raise"), ("out", "mlraise")],
    },
    Difference {
        reason: "not served yet: chat inputs",
        cases: &[("nosig", "messages"), ("nosig", "input_key")],
    },
];
