//! The secret in the address. It admits a viewer.

use std::fs::File;
use std::io::{self, Read};

/// 128 random bits.
pub(crate) struct Token([u8; 16]);

impl Token {
    pub(crate) fn new() -> io::Result<Token> {
        let mut bits = [0; 16];
        File::open("/dev/urandom")?.read_exact(&mut bits)?;
        Ok(Token(bits))
    }

    pub(crate) fn text(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether a text is this token. Takes the same time whatever the text has in common with it.
    pub(crate) fn is(&self, text: &str) -> bool {
        let own = self.text();
        let differ = own.bytes().zip(text.bytes()).fold(0, |differ, (own, other)| differ | (own ^ other));
        own.len() == text.len() && differ == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_right() {
        let token = Token::new().unwrap();
        let text = token.text();
        assert!(text.len() == 32 && token.is(&text));
        assert!(!token.is(&text[..31]) && !token.is("") && !token.is(&format!("{text}0")));
        assert!(!token.is(&Token::new().unwrap().text()));
    }
}
