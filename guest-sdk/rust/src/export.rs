//! The one macro that makes a component of a [`Predictor`](crate::Predictor).
//!
//! A guest calls it once. The value that `load_context` gives is kept in a thread-local, since a component has
//! one thread; on other targets the macro only checks that the type is a predictor.

/// Exports a type that implements [`Predictor`](crate::Predictor) as this component's model.
///
/// ```
/// # use mlhost_guest::{Context, Error, Input, Output, Params, Predictor};
/// struct Echo;
///
/// impl Predictor for Echo {
///     fn load_context(_: &Context) -> Result<Self, Error> {
///         Ok(Self)
///     }
///
///     fn predict(&self, _: Input, _: Params) -> Result<Output, Error> {
///         Ok(Output::Json("null".to_owned()))
///     }
/// }
///
/// mlhost_guest::export!(Echo);
/// ```
#[cfg(target_family = "wasm")]
#[macro_export]
macro_rules! export {
    ($model:ty) => {
        const _: () = {
            ::std::thread_local! {
                static MODEL: ::std::cell::OnceCell<$model> = const { ::std::cell::OnceCell::new() };
            }

            struct Component;

            impl $crate::bindings::exports::mlhost::guest::predictor::Guest for Component {
                fn load_context(
                    context: $crate::bindings::mlhost::guest::types::Context,
                ) -> ::core::result::Result<(), $crate::bindings::mlhost::guest::types::Failure> {
                    $crate::load_context(&MODEL, context)
                }

                fn predict(
                    input: $crate::bindings::mlhost::guest::types::Input,
                    params: ::std::vec::Vec<$crate::bindings::mlhost::guest::types::Param>,
                ) -> ::core::result::Result<
                    $crate::bindings::mlhost::guest::types::Output,
                    $crate::bindings::mlhost::guest::types::Failure,
                > {
                    $crate::predict(&MODEL, input, params)
                }
            }

    $crate::bindings::export_component!(Component with_types_in $crate::bindings);
        };
    };
}

/// Exports a type that implements [`Predictor`](crate::Predictor) as this component's model.
///
/// ```
/// # use mlhost_guest::{Context, Error, Input, Output, Params, Predictor};
/// struct Echo;
///
/// impl Predictor for Echo {
///     fn load_context(_: &Context) -> Result<Self, Error> {
///         Ok(Self)
///     }
///
///     fn predict(&self, _: Input, _: Params) -> Result<Output, Error> {
///         Ok(Output::Json("null".to_owned()))
///     }
/// }
///
/// mlhost_guest::export!(Echo);
/// ```
#[cfg(not(target_family = "wasm"))]
#[macro_export]
macro_rules! export {
    ($model:ty) => {
        const _: () = {
            const fn is_predictor<T: $crate::Predictor>() {}
            is_predictor::<$model>();
        };
    };
}
