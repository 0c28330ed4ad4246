//! Forms with files, as SDKs write them.

/// The header of [`form`]'s type.
pub const FORM: &[(&str, &str)] = &[("content-type", "multipart/form-data; boundary=bnd")];

/// The fields `model` and `file`, the file of so many bytes; the model first or last.
pub fn form(model: &str, file_bytes: usize, model_first: bool) -> Vec<u8> {
    let field =
        format!("--bnd\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n");
    let mut file =
        b"--bnd\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\
        Content-Type: audio/mpeg\r\n\r\n"
            .to_vec();
    file.extend((0..file_bytes).map(|at| b"0123456789abcdef"[at % 16]));
    file.extend_from_slice(b"\r\n");
    let parts = if model_first {
        [field.into_bytes(), file]
    } else {
        [file, field.into_bytes()]
    };
    [parts.concat(), b"--bnd--\r\n".to_vec()].concat()
}
