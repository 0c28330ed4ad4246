//! A server on a thread and a runtime of its own, so that blocking tests can use it.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::thread::JoinHandle;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Runs a future until it is dropped, and everything the future spawned with it.
pub(crate) struct Background {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Starts the thread. `serve` is called on it, inside of the runtime.
    pub(crate) fn start<F: Future<Output = ()>>(
        serve: impl FnOnce() -> F + Send + 'static,
    ) -> Self {
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime starts");
            runtime.block_on(async move {
                tokio::select! {
                    () = serve() => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Listens on a free port of `localhost`, and serves every connection with `serve`. Gives the address, too.
    pub(crate) fn listen<F: Future<Output = ()> + Send + 'static>(
        mut serve: impl FnMut(TcpStream) -> F + Send + 'static,
    ) -> (SocketAddr, Self) {
        // By name, so that a client that looks the name up finds the same of its addresses first.
        let listener = StdListener::bind(("localhost", 0)).expect("a loopback port can be bound");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        listener
            .set_nonblocking(true)
            .expect("a listener can be made non-blocking");
        let accepting = move || async move {
            let listener = TcpListener::from_std(listener).expect("the runtime takes the listener");
            while let Ok((stream, _)) = listener.accept().await {
                // What is written alone must travel alone.
                stream
                    .set_nodelay(true)
                    .expect("a connection can be told not to wait");
                tokio::spawn(serve(stream));
            }
        };
        (address, Self::start(accepting))
    }
}

/// Connects so that what is written alone travels alone.
pub(crate) async fn connect(target: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(target).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may be gone already; then there is nobody to tell.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
