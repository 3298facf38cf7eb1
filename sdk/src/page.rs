//! What the system says of the page: network, visibility, return from sleep, freezing or the back/forward cache. Passes it on
//! and draws no conclusions: what looks open may be dead, and the core knows what to do about it.

use crate::listener::Listener;
use crate::sotto::World;
use sotto_core::contract::{Input, Network, Visibility};
use std::rc::Rc;
use web_sys::{Document, VisibilityState, Window};

/// Tells the driver of the page, until dropped.
pub(crate) struct Page {
    _listeners: Vec<Listener>,
}

impl Page {
    /// Tells the present state and then each change.
    pub(crate) fn watch(world: &Rc<World>) -> Option<Self> {
        let window = web_sys::window()?;
        let document = window.document()?;
        world.look(world.shown.viewer(), visibility(&document));
        world.inputs.push(Input::Network(network(&window)));
        let tell = |input: fn(&Window) -> Input| {
            let (world, window) = (Rc::clone(world), window.clone());
            move |_| world.inputs.push(input(&window))
        };
        let look = || {
            let (world, document) = (Rc::clone(world), document.clone());
            move |_| world.look(world.shown.viewer(), visibility(&document))
        };
        let listeners = vec![
            Listener::new(&window, "online", tell(|_| Input::Network(Network::Online))),
            Listener::new(&window, "offline", tell(|_| Input::Network(Network::Offline))),
            Listener::new(&window, "pageshow", look()),
            // A page that was frozen (Page Lifecycle §4) may go on unseen: the network is what it asks about.
            Listener::new(&document, "resume", tell(|window| Input::Network(network(window)))),
            Listener::new(&document, "visibilitychange", look()),
        ];
        Some(Self { _listeners: listeners })
    }
}

fn network(window: &Window) -> Network {
    if window.navigator().on_line() { Network::Online } else { Network::Offline }
}

/// Whether the page can be seen.
pub(crate) fn visibility(document: &Document) -> Visibility {
    if document.visibility_state() == VisibilityState::Hidden { Visibility::Hidden } else { Visibility::Visible }
}
