//! Every drawing of the app: icons on a grid of 24 with one stroke, and the logo on a grid of 32. Owns the shapes; colour
//! and size are the style sheet's. Rule: an icon says nothing by itself, a text beside it or its control's name does.

use leptos::prelude::*;

/// An icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Icon {
    Again,
    Alert,
    Back,
    Check,
    Checks,
    Clock,
    Close,
    Compose,
    Copy,
    Dark,
    Down,
    Eye,
    EyeOff,
    Gap,
    Key,
    Light,
    Lock,
    More,
    Note,
    Offline,
    Send,
    SignOut,
    System,
    Tabs,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Icon::Again => "M19.5 12a7.5 7.5 0 1 1-2.2-5.3L19.5 9M19.5 4v5h-5",
            Icon::Alert => {
                "M12 8.5v4.5M12 16.5v.01M10.3 4.2 2.9 17a2 2 0 0 0 1.7 3h14.8a2 2 0 0 0 1.7-3L13.7 4.2a2 2 0 0 0-3.4 0z"
            }
            Icon::Back => "M15 5l-7 7 7 7",
            Icon::Check => "M5 12.5l4.5 4.5L19 7.5",
            Icon::Checks => "M2 12.5l4.5 4.5 8.5-9M11.5 16.5l.5.5 9.5-9.5",
            Icon::Clock => "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.2l2.6 1.8",
            Icon::Close => "M6.5 6.5l11 11M17.5 6.5l-11 11",
            Icon::Compose => {
                "M11.5 5H7a3 3 0 0 0-3 3v9a3 3 0 0 0 3 3h9a3 3 0 0 0 3-3v-4.5M9.5 14.5l.7-3.3 7.9-7.9a1.8 1.8 0 0 1 2.6 2.6l-7.9 7.9z"
            }
            Icon::Copy => {
                "M9 8h9a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2H9a2 2 0 0 1-2-2v-9a2 2 0 0 1 2-2zM4 16V6a2 2 0 0 1 2-2h10"
            }
            Icon::Dark => "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
            Icon::Down => "M12 5v13.5M6 12.5l6 6 6-6",
            Icon::Eye => {
                "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z"
            }
            Icon::EyeOff => {
                "M4 4l16 16M9.9 5.8A9 9 0 0 1 12 5.5c6 0 9.5 6.5 9.5 6.5a16 16 0 0 1-3 3.7M14.1 14.1a3 3 0 0 1-4.2-4.2M6.3 7.3A16 16 0 0 0 2.5 12S6 18.5 12 18.5a9 9 0 0 0 4-.9"
            }
            Icon::Gap => "M4 12h3M10.5 12h3M17 12h3M6 6h12M6 18h12",
            Icon::Key => "M14.5 3.5a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM10.3 13.7 4 20M7 17l2 2M16 8v.01",
            Icon::Light => {
                "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4"
            }
            Icon::Lock => {
                "M8 11V8a4 4 0 0 1 8 0v3M7 11h10a2 2 0 0 1 2 2v5a2 2 0 0 1-2 2H7a2 2 0 0 1-2-2v-5a2 2 0 0 1 2-2z"
            }
            Icon::More => "M6 12v.01M12 12v.01M18 12v.01",
            Icon::Note => "M8 4h8a2 2 0 0 1 2 2v14l-6-4-6 4V6a2 2 0 0 1 2-2z",
            Icon::Offline => "M4 4l16 16M9.2 6.1A6 6 0 0 1 17.6 10a4.3 4.3 0 0 1 2.6 7M16 19H7.5A4.5 4.5 0 0 1 6.7 10",
            Icon::Send => "M12 19V5.5M6 11l6-6 6 6",
            Icon::SignOut => "M14 4h3a3 3 0 0 1 3 3v10a3 3 0 0 1-3 3h-3M10 8l-4.5 4L10 16M6 12h9",
            Icon::System => "M5 5h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2zM9 21h6M12 17v4",
            Icon::Tabs => {
                "M9 8V6a2 2 0 0 1 2-2h7a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-2M6 8h8a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2v-8a2 2 0 0 1 2-2z"
            }
        }
    }
}

/// Draws an icon.
pub(crate) fn icon(icon: Icon) -> impl IntoView {
    // What points along the line of reading points the other way where that runs the other way.
    let mirrored = matches!(icon, Icon::Back | Icon::SignOut);
    view! {
        <svg class="icon" class:icon-mirrored=mirrored viewBox="0 0 24 24" aria-hidden="true">
            <path d=icon.path()></path>
        </svg>
    }
}

/// Draws the logo: a voice in a bubble that grows quieter.
pub(crate) fn logo() -> impl IntoView {
    view! {
        <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
            <path
                class="logo-bubble"
                d="M16 3C8.3 3 3 8 3 14.9c0 3.5 1.5 6.5 4 8.7l-.9 4.5c-.1.7.6 1.2 1.2.9l5-2.3c1.2.3 2.4.4 3.7.4 7.7 0 13-5.3 13-12.2S23.7 3 16 3z"
            ></path>
            <path class="logo-voice" d="M10.3 10.5v9M16 12.5v5M21.7 14.7v.6"></path>
        </svg>
    }
}
