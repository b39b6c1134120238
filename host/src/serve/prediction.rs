//! The one way of every prediction, whatever the protocol: body, permit, release, decode, predict, encode.
//!
//! Called by the protocols. Nothing of a request's bounds can be left out by one of them: the body's size, the bodies' sizes
//! together, the requests at one time, the model's own bound, the deadline.

use std::sync::Arc;
use std::time::Instant;

use hyper::body::Incoming;
use mlhost_wire::dialect::{Answer, Decoded, Dialect, Request};
use mlhost_wire::fault::{Fault, FaultKind};
use mlhost_wire::values::Reply;

use crate::deployment::Release;
use crate::fault;
use crate::observe::Limit;
use crate::serve::body::{BodyLimits, HeldBody};
use crate::serve::compression::Coding;
use crate::serve::exchange::{Asked, Exchange};
use crate::serve::handler::Service;

impl Service {
    /// When the request's time is up, as far as the server and its client say.
    pub(crate) fn deadline(&self, exchange: &Exchange<'_>) -> Instant {
        let time = self.config.timeout;
        exchange.arrival + exchange.patience.map_or(time, |patience| patience.min(time))
    }

    /// Reads a whole body, within its bounds and the deadline.
    ///
    /// # Errors
    ///
    /// Too large, too slow, broken off, in an unknown coding, or no room for it now.
    pub(crate) async fn read(
        &self,
        exchange: &mut Exchange<'_>,
        body: Incoming,
    ) -> Result<HeldBody<'_>, Fault> {
        let coding = Coding::of_request(exchange.headers())?;
        let limits = BodyLimits {
            bytes: self.config.max_body_bytes,
            deadline: self.deadline(exchange),
            least_rate: self.config.connections.least_body_rate,
        };
        let read = self.bodies.read_coded(body, coding, limits).await;
        exchange.stages.read = exchange.arrival.elapsed();
        if let Err(fault) = &read {
            self.note_unread(fault.kind);
        }
        read
    }

    /// Predicts on a whole body in `dialect`, within all bounds, and has it spell the answer.
    ///
    /// # Errors
    ///
    /// Whatever ends a request.
    pub(crate) async fn predict_on<D: Dialect>(
        &self,
        exchange: &mut Exchange<'_>,
        dialect: &D,
        body: Incoming,
    ) -> Result<Answer, Fault> {
        let held = self.read(exchange, body).await?;
        let body = held.contiguous();
        let request = Request { content_type: exchange.content_type()?, body: &body };
        self.predict_in(exchange, dialect, request).await
    }

    /// The same on what a dialect reads, where it is not the body as it came.
    ///
    /// # Errors
    ///
    /// Whatever ends a request.
    pub(crate) async fn predict_in<D: Dialect>(
        &self,
        exchange: &mut Exchange<'_>,
        dialect: &D,
        request: Request<'_>,
    ) -> Result<Answer, Fault> {
        self.predict(
            exchange,
            |release| dialect.decode(request, &release.app.interface),
            |_, reply, envelope| dialect.encode(reply, envelope),
        )
        .await
    }

    /// Predicts on what `decode` makes of the request, once the body is there, and has `encode` spell the answer.
    ///
    /// # Errors
    ///
    /// Whatever ends a request; a fault that `decode` or `encode` gives is passed on as it is.
    pub(crate) async fn predict<E, T>(
        &self,
        exchange: &mut Exchange<'_>,
        decode: impl FnOnce(&Release) -> Result<Decoded<E>, Fault>,
        encode: impl FnOnce(&Release, Reply, E) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        // Tried, not awaited: a request that would have to wait for a sandbox is told so at once.
        let _permit = self.requests.enter().ok_or_else(|| {
            // Counted under the model that it was for.
            exchange.release = self.meant(exchange);
            self.no_room(Limit::Requests)
        })?;
        // Once and for all of this request: another version may take over meanwhile.
        let deployment = self.model(exchange)?;
        let picked = deployment.pick(exchange.version.as_deref(), |name| exchange.header(name))?;
        let release = picked.release;
        exchange.release = Some(Arc::clone(&release));
        exchange.stages.predicted = true;
        let _place = release.try_enter().map_err(|_| self.no_room(Limit::ModelRequests))?;
        let deadline = self.deadline(exchange);
        let deadline = release.app.time.map_or(deadline, |time| deadline.min(exchange.arrival + time));
        let began = Instant::now();
        let decoded = decode(&release);
        exchange.stages.decode = began.elapsed();
        let decoded = decoded?;
        let outcome = release.app.predict(&decoded.call, deadline, &mut exchange.stages).await;
        let reply = outcome.map_err(|error| {
            if let Some(limit) = Limit::of(&error) {
                self.telemetry.limits.hit(limit);
            }
            fault::of_prediction(error)
        })?;
        let shadow = picked.shadow.and_then(|mirror| self.shadow(mirror));
        let samples = self.reporter.samples_this();
        let asked = (samples || shadow.is_some())
            .then(|| Arc::new(Asked { call: decoded.call, output: reply.output.clone() }));
        if samples {
            exchange.sampled.clone_from(&asked);
        }
        let began = Instant::now();
        let answer = encode(&release, reply, decoded.envelope);
        exchange.stages.encode = began.elapsed();
        if let (Ok(_), Some(shadow), Some(asked)) = (&answer, shadow, asked) {
            shadow.ask(Arc::clone(&release), asked);
        }
        answer
    }

    /// What a request is for that is refused before that matters.
    fn meant(&self, exchange: &Exchange<'_>) -> Option<Arc<Release>> {
        let served = self.catalog.find(exchange.model.as_deref()).ok()?.served();
        let release = match exchange.version.as_deref() {
            Some(version) => served.version(version),
            None => served.current(),
        };
        release.cloned()
    }

    /// There is no room for this request, by this bound.
    fn no_room(&self, limit: Limit) -> Fault {
        self.telemetry.limits.hit(limit);
        fault::overloaded()
    }

    /// A body was not read for such a reason.
    pub(crate) fn note_unread(&self, kind: FaultKind) {
        let limit = match kind {
            FaultKind::TooLarge => Limit::Body,
            FaultKind::Overloaded => Limit::Bodies,
            FaultKind::TooSlow => Limit::BodyRate,
            FaultKind::Deadline => Limit::Time,
            _ => return,
        };
        self.telemetry.limits.hit(limit);
    }
}
