//! A way to the database that can be cut.

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};
use url::Url;

/// Passes connections on, as long as it is not cut.
pub(crate) struct Proxy {
    /// The way through it.
    pub(crate) url: Url,
    cut: watch::Sender<bool>,
}

impl Proxy {
    pub(crate) async fn before(url: &Url) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (host, port) = (url.host_str().unwrap().to_owned(), url.port().unwrap());
        let mut through = url.clone();
        through
            .set_port(Some(listener.local_addr().unwrap().port()))
            .unwrap();
        let (cut, is_cut) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut is_cut = is_cut.clone();
                let to = (host.clone(), port);
                tokio::spawn(async move {
                    if *is_cut.borrow_and_update() {
                        return;
                    }
                    if let Ok(mut server) = TcpStream::connect(to).await {
                        tokio::select! {
                            _ = copy_bidirectional(&mut client, &mut server) => {}
                            _ = is_cut.changed() => {}
                        }
                    }
                });
            }
        });
        Self { url: through, cut }
    }

    /// Ends every connection, and lets no new one through.
    pub(crate) fn cut(&self) {
        self.cut.send_replace(true);
    }

    pub(crate) fn mend(&self) {
        self.cut.send_replace(false);
    }
}
