//! Where mlhost answers a captured request otherwise than Triton did, and why: the table of `oip_replay.rs`, and what
//! `docs/oip-differences.md` is written from. A case that is listed and does not differ fails, as does one that differs and is not
//! listed.

/// Which cases differ for one reason.
pub(crate) struct Difference {
    /// Why mlhost does otherwise.
    pub(crate) reason: &'static str,
    /// The cases, by the names in the capture.
    pub(crate) cases: &'static [&'static str],
}

/// What differs on purpose.
pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        reason: "a client's mistake is 400 with what is wrong and where; Triton answers 500 for what it finds while it parses",
        cases: &[
            "id_int",
            "empty_obj",
            "malformed",
            "list",
            "short_data",
            "long_data",
            "str_in_fp32",
            "bool_in_fp32",
            "neg_shape",
            "no_shape",
            "no_datatype",
            "type_uint8_[-1]",
            "type_int64_[9223372036854775808]",
            "type_int32_[1.5]",
            "type_int32_['1']",
            "type_bytes_[1]",
            "type_bool_[1]",
            "type_bool_['true']",
        ],
    },
    Difference {
        reason: "a whole number that its datatype does not hold is 400; Triton lets it wrap around into another one",
        cases: &["type_uint8_[256]", "type_int8_[128]", "type_int32_[2147483648]"],
    },
    Difference {
        reason: "NaN and infinities are null in JSON, which has no words for them; Triton writes a bare NaN, which is no JSON. \
                 Binary outputs are exact in both",
        cases: &["nan", "overflow"],
    },
    Difference {
        reason: "null is NaN to a float, as in MLServer and KServe, since it is what a NaN is answered as; Triton answers 500",
        cases: &["null_in_fp32"],
    },
    Difference {
        reason: "FP16 and BF16 are read from JSON and written to it as numbers; Triton takes them as binary tensors alone",
        cases: &["type_fp16_[1.5]"],
    },
    Difference {
        reason: "BYTES are texts to a graph and to a tensor of texts, and texts are UTF-8: other bytes are 400. A binary column takes \
                 any bytes",
        cases: &["bytes_bin"],
    },
    Difference {
        reason: "a model or version that is not there is not ready with 404, as its other routes say; Triton answers 400",
        cases: &["GET /v2/models/iris/versions/9/ready", "GET /v2/models/nope/ready", "ready_unloaded"],
    },
    Difference {
        reason: "no rows are a request like any other; Triton wants at least one",
        cases: &["zero_rows"],
    },
    Difference {
        reason: "there is no largest batch: a graph takes as many rows as fit the limits on bodies and elements",
        cases: &["over_max_batch"],
    },
    Difference {
        reason: "answers below 1 KiB are not compressed, whatever the client accepts: they would not get smaller by a packet",
        cases: &["gzip_resp"],
    },
    Difference { reason: "name, version and extensions are the server's own", cases: &["GET /v2"] },
    Difference {
        reason: "`/v2/` is there, too: the protocol's own OpenAPI document has it so",
        cases: &["GET /v2/"],
    },
    Difference {
        reason: "what is asked with GET is asked with HEAD as well (RFC 9110, section 9.3.2); Triton answers 405",
        cases: &["HEAD live"],
    },
    Difference {
        reason: "a configuration says what means something here: ports with whole shapes, no batching of Triton's own kind",
        cases: &["GET /v2/models/iris/config"],
    },
    Difference {
        reason: "logging and tracing are the operator's to set, not a client's, and shared memory is not shared with this server: \
                 these extensions are not listed, and their routes are 404",
        cases: &[
            "GET /v2/logging",
            "GET /v2/trace/setting",
            "GET /v2/models/iris/trace/setting",
            "GET /v2/systemsharedmemory/status",
            "GET /v2/cudasharedmemory/status",
        ],
    },
    Difference {
        reason: "a model that was unloaded and in which no request runs is not unloading any more",
        cases: &["index2"],
    },
    Difference {
        reason: "an order for a model that is not there is 404: Triton answers 500 where it is to be loaded, and 200 where it is to \
                 be unloaded",
        cases: &["load_nope", "unload_nope"],
    },
];

/// Requests of the capture that are of other protocols than V2: what they are answered here is those protocols' own matter.
pub(crate) const OTHER_PROTOCOLS: &[&str] = &[
    "GET /metrics",
    "GET /",
    "GET /v1/models",
    "GET /v1/models/iris",
    "v1_predict",
    "v1_predict_bad",
    "v1_noinst",
    "metrics",
    "sm_ping",
    "sm_inv",
    "sm_inv_ct",
    "sm_models",
    "sm_models_one",
    "sm_load",
    "sm_load_badurl",
    "sm_invoke",
    "sm_del",
    "vx_health",
    "vx_predict",
    "vx_instances",
    "vx_redirect",
    "vx_redirect_ready",
];
