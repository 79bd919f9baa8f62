//! What breaks in a world, and how.
#![expect(clippy::indexing_slicing, reason = "clients are numbered by the world itself")]

use concierge_client::payload::CloseCode;

use super::world::{CLIENTS, Happening, LinkId, World};

impl World {
    /// Something breaks.
    pub(super) fn fault(&mut self) {
        self.note(format_args!("something breaks"));
        let client = usize::try_from(self.random.below(CLIENTS as u64)).unwrap_or_default();
        let Some(link) = self.clients[client].online.as_ref().map(|online| online.link) else { return };
        match self.random.below(8) {
            // Both sides are told.
            0 | 1 => {
                self.send_to_client(link, |link| Happening::CloseAtClient(link, CloseCode::Lost));
                self.send_to_gateway(link, Happening::HangUpAtGateway);
                self.cut(link);
            }
            // Nobody is told: both must find out.
            2 => self.cut(link),
            // Only the client is told: the gateway holds its ghost.
            3 => {
                self.send_to_client(link, |link| Happening::CloseAtClient(link, CloseCode::Lost));
                self.cut(link);
            }
            // Only the gateway is told.
            4 => {
                self.send_to_gateway(link, Happening::HangUpAtGateway);
                self.cut(link);
            }
            5 | 6 => {
                if let Some(link) = self.links.get_mut(&link) {
                    link.is_slow = !link.is_slow;
                }
            }
            _ => self.restart_gateway(),
        }
    }

    fn cut(&mut self, link: LinkId) {
        if let Some(link) = self.links.get_mut(&link) {
            link.is_cut = true;
        }
    }

    fn restart_gateway(&mut self) {
        if self.gateway.take().is_none() {
            return;
        }
        let is_orderly = self.random.percent(50);
        let links: Vec<_> = self.links.keys().copied().collect();
        for link in links {
            let code = if is_orderly { CloseCode::GoingAway } else { CloseCode::Lost };
            self.send_to_client(link, |link| Happening::CloseAtClient(link, code));
            self.cut(link);
        }
        self.after(10, 12_000, Happening::GatewayStarts);
    }

    pub(super) fn calm_down(&mut self) {
        for link in self.links.values_mut() {
            link.is_slow = false;
        }
    }
}
