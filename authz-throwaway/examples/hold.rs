//! Starts a server, prints its URL, and holds it until standard input ends.
//!
//! The way to try something by hand: `cargo run -p authz-throwaway --example hold`, then Ctrl-D or Ctrl-C. The tests
//! kill it to see that nothing stays behind.

#[expect(clippy::print_stdout, reason = "the URL is what this program is for")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = authz_throwaway::Server::start()?;
    println!("{}", server.url("postgres"));
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}
