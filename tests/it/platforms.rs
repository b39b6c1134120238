//! Each platform's protocol to the real server: what its environment makes of it, its routes, its words for what goes wrong.

mod azureml;
mod kserve;
mod sagemaker;
mod seldon;
mod surroundings;
mod vertex;
