//! People: blocking them, and finding them by how their names begin.

use crate::app::App;
use crate::http::auth::DeviceCaller;
use crate::http::endpoint::{Routes, route};
use crate::refusal::Refusal;
use crate::store::account::{self, By};
use crate::store::{StoreError, block};
use sotto_wire::people::{
    Block, BlockRequest, BlocksLoaded, FindPeople, FindPeopleRequest, LoadBlocks, LoadBlocksRequest, PeopleFound,
    PersonBlocked,
};
use sotto_wire::{Code, limit};
use std::sync::Arc;

/// Adds the endpoints of this file.
pub(crate) fn routes(routes: Routes) -> Routes {
    let routes = route(routes, Block, block);
    let routes = route(routes, LoadBlocks, load_blocks);
    route(routes, FindPeople, find)
}

/// [`Block`].
pub(crate) async fn block(
    app: Arc<App>,
    caller: DeviceCaller,
    request: BlockRequest,
) -> Result<PersonBlocked, Refusal> {
    let pair = (caller.device.user, request.user);
    app.limits.group(pair.0)?;
    if pair.0 == pair.1 {
        return Err(Code::Invalid.into());
    }
    let mut tx = app.store.write().await?;
    account::load(&mut tx, By::Id(request.user)).await?.ok_or(Code::NotFound)?;
    let is_news = block::stands(&mut tx, pair).await? != request.blocked;
    if request.blocked {
        if !block::add(&mut tx, pair).await? {
            return Err(Code::Invalid.into());
        }
    } else {
        block::remove(&mut tx, pair).await?;
    }
    tx.commit().await.map_err(StoreError::from)?;
    if is_news && request.blocked {
        app.delivery.part(pair);
    }
    Ok(PersonBlocked {})
}

/// [`LoadBlocks`].
pub(crate) async fn load_blocks(
    app: Arc<App>,
    caller: DeviceCaller,
    _request: LoadBlocksRequest,
) -> Result<BlocksLoaded, Refusal> {
    app.limits.group(caller.device.user)?;
    Ok(BlocksLoaded { blocked: block::of(app.store.read(), caller.device.user).await? })
}

/// [`FindPeople`].
pub(crate) async fn find(
    app: Arc<App>,
    caller: DeviceCaller,
    request: FindPeopleRequest,
) -> Result<PeopleFound, Refusal> {
    app.limits.search(caller.device.user)?;
    let prefix = request.prefix.trim().to_ascii_lowercase();
    if !(limit::FIND_PREFIX_MIN_CHARS..=limit::NAME_MAX_CHARS).contains(&prefix.chars().count()) {
        return Err(Code::Invalid.into());
    }
    Ok(PeopleFound { people: account::search(app.store.read(), (caller.device.user, &prefix)).await? })
}
