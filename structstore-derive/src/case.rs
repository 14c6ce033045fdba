//! Conventions for names, as `rename_all` applies them.

/// A convention for names.
#[derive(Clone, Copy)]
pub(crate) enum Case {
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

impl Case {
    /// Each convention by its name, which is an example of it.
    pub(crate) const ALL: [(&str, Case); 8] = [
        ("lowercase", Case::Lower),
        ("UPPERCASE", Case::Upper),
        ("PascalCase", Case::Pascal),
        ("camelCase", Case::Camel),
        ("snake_case", Case::Snake),
        ("SCREAMING_SNAKE_CASE", Case::ScreamingSnake),
        ("kebab-case", Case::Kebab),
        ("SCREAMING-KEBAB-CASE", Case::ScreamingKebab),
    ];

    /// Converts a name of Rust's to this convention: words begin at underscores and at capitals.
    pub(crate) fn apply(self, name: &str) -> String {
        let mut words: Vec<String> = vec![String::new()];
        for character in name.chars() {
            if character == '_' || character.is_uppercase() {
                words.push(String::new());
            }
            if let (false, Some(word)) = (character == '_', words.last_mut()) {
                word.extend(character.to_lowercase());
            }
        }
        words.retain(|word| !word.is_empty());
        match self {
            Case::Lower => words.concat(),
            Case::Upper => words.concat().to_uppercase(),
            Case::Pascal => words.iter().map(|word| capitalised(word)).collect(),
            Case::Camel => words
                .iter()
                .enumerate()
                .map(|(at, word)| if at == 0 { word.clone() } else { capitalised(word) })
                .collect(),
            Case::Snake => words.join("_"),
            Case::ScreamingSnake => words.join("_").to_uppercase(),
            Case::Kebab => words.join("-"),
            Case::ScreamingKebab => words.join("-").to_uppercase(),
        }
    }
}

fn capitalised(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_convention_is_its_own_example() {
        for (example, case) in Case::ALL {
            let (field, variant) = match case {
                Case::Lower | Case::Upper => ("lower_case", "LowerCase"),
                Case::Pascal => ("pascal_case", "PascalCase"),
                Case::Camel => ("camel_case", "CamelCase"),
                Case::Snake => ("snake_case", "SnakeCase"),
                Case::ScreamingSnake => ("screaming_snake_case", "ScreamingSnakeCase"),
                Case::Kebab => ("kebab_case", "KebabCase"),
                Case::ScreamingKebab => ("screaming_kebab_case", "ScreamingKebabCase"),
            };
            let example = if matches!(case, Case::Upper) { "LOWERCASE" } else { example };
            assert_eq!(case.apply(field), example);
            assert_eq!(case.apply(variant), example);
        }
    }
}
