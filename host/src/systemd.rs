//! What a service manager is told (sd_notify(3)): systemd, and others that pass `NOTIFY_SOCKET`. Guests don't get that
//! variable; their environment is made of what they are given.

/// All guests have waited for the first time: whatever depends on this service can start.
pub(crate) fn ready() {
    notify::state(notify::READY);
}

/// This process was asked to end.
pub(crate) fn stopping() {
    notify::state(notify::STOPPING);
}

#[cfg(target_os = "linux")]
mod notify {
    use sd_notify::NotifyState;

    pub(super) const READY: NotifyState<'static> = NotifyState::Ready;
    pub(super) const STOPPING: NotifyState<'static> = NotifyState::Stopping;

    /// Does nothing where nobody wants to know.
    pub(super) fn state(state: NotifyState<'_>) {
        if let Err(error) = sd_notify::notify(&[state]) {
            log::warn!("the service manager can't be told: {error}");
        }
    }
}

/// Nobody wants to know.
#[cfg(not(target_os = "linux"))]
mod notify {
    pub(super) const READY: () = ();
    pub(super) const STOPPING: () = ();

    pub(super) fn state((): ()) {}
}
