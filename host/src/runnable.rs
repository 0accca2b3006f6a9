//! A program of either kind, ready to be started any number of times.

use crate::component::ComponentProgram;
use crate::program::Program;
use wasmtime::Engine;

pub(crate) enum Runnable {
    Module(Box<Program>),
    Component(ComponentProgram),
}

impl Runnable {
    pub(crate) fn engine(&self) -> &Engine {
        match self {
            Runnable::Module(program) => program.engine(),
            Runnable::Component(program) => program.engine(),
        }
    }
}
