//! Where files of the store lie, and what is refused there.
//!
//! The parent folder is resolved once; below it no symbolic link is followed. A file is looked at by its name and never opened here:
//! closing any descriptor of a file that `SQLite` has open in this process would drop its locks on it. Names can be trusted
//! because the folder was checked: nobody else can replace a file in it.

use super::fault;
use crate::error::{Detail, Error, Result};
use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// What follows the name of the place in that of a file which is being built: this and 16 hexadecimal digits.
pub(super) const DRAFT: &str = ".new-";
/// The same for a damaged store that was set aside.
pub(super) const SET_ASIDE: &str = ".damaged-";

/// A file's place below its resolved folder.
#[derive(Clone, Debug)]
pub(super) struct Place {
    folder: PathBuf,
    path: PathBuf,
}

/// Which file it is, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FileId(u64, u64);

/// What a look at an existing file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) id: FileId,
    pub(super) length: u64,
    pub(super) modified: Option<SystemTime>,
}

impl FileId {
    pub(super) fn of(metadata: &fs::Metadata) -> Self {
        system::file_id(metadata)
    }
}

impl Place {
    /// Resolves the folder of `path` and checks that nobody else can put files into it (a missing one is `StoreFolderMissing`).
    pub(super) fn resolve(path: &Path) -> Result<Self> {
        let name = path.file_name().ok_or(Detail::StoreUnsafePath)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = fs::canonicalize(parent).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::from(Detail::StoreFolderMissing),
            _ => unsafe_path("folder"),
        })?;
        let facts = fs::symlink_metadata(&folder).map_err(fault::file)?;
        if !facts.is_dir() {
            return Err(unsafe_path("folder"));
        }
        system::check_folder(&facts)?;
        Ok(Self { path: folder.join(name), folder })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The path with something appended to the name.
    pub(super) fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = OsString::from(&self.path);
        path.push(suffix);
        path.into()
    }

    /// Looks at the file: `None` if there is none; refused if it is not an ordinary file of ours. Rights of others are taken away.
    pub(super) fn inspect(&self) -> Result<Option<Facts>> {
        inspect(&self.path)
    }

    /// The same for a file beside it.
    pub(super) fn inspect_beside(&self, suffix: &str) -> Result<Option<Facts>> {
        inspect(&self.beside(suffix))
    }

    /// Looks at the file, or at one beside it, and changes nothing.
    pub(super) fn peek(&self, suffix: &str) -> Result<Option<Facts>> {
        peek(&self.beside(suffix))
    }

    /// Whether the next write would be refused: no right to write, a read-only or a full disk. Writes nothing.
    pub(super) fn check_room(&self) -> Result<()> {
        system::check_room(&self.folder)
    }

    /// Files whose names are that of the place, then `infix` and 16 hexadecimal digits; each with what follows that, for instance
    /// `-wal`.
    pub(super) fn named(&self, infix: &str) -> Result<Vec<(PathBuf, String)>> {
        let start = self.beside(infix);
        let start = start.file_name().unwrap_or_default().as_encoded_bytes();
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(fault::file)? {
            let name = entry.map_err(fault::file)?.file_name();
            let Some(rest) = name.as_encoded_bytes().strip_prefix(start) else { continue };
            let Some((digits, suffix)) = rest.split_at_checked(16) else { continue };
            let Ok(suffix) = std::str::from_utf8(suffix) else { continue };
            let is_hex = digits.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte));
            if is_hex && ["", "-wal", "-shm", "-journal"].contains(&suffix) {
                found.push((self.folder.join(&name), suffix.to_owned()));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Whether the file is still the one that was opened. Costs one look at the folder.
    pub(super) fn still_holds(&self, id: FileId) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|now| system::file_id(&now) == id)
    }

    /// Creates a new file that only we can read from its first instant, under a name of its own beside the place.
    pub(super) fn create_draft(&self) -> Result<(File, PathBuf)> {
        let draft = self.fresh_name(DRAFT)?;
        let file = system::create_private(&draft).map_err(fault::file)?;
        Ok((file, draft))
    }

    /// The same under a name that the caller chose.
    pub(super) fn create_beside(&self, suffix: &str) -> Result<(File, PathBuf)> {
        let path = self.beside(suffix);
        let file = system::create_private(&path).map_err(fault::file)?;
        Ok((file, path))
    }

    /// A name beside the place that nothing has yet: `infix` and 16 random hexadecimal digits.
    pub(super) fn fresh_name(&self, infix: &str) -> Result<PathBuf> {
        Ok(self.beside(&format!("{infix}{}", super::hex(super::seal::random::<8>()?.as_slice()))))
    }

    /// Gives a finished draft its name, whole and durable. `false` if another file has taken the name meanwhile.
    pub(super) fn publish(&self, draft: &Path) -> Result<bool> {
        match system::rename_new(draft, &self.path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(fault::file(error)),
        }
        self.sync()?;
        Ok(true)
    }

    /// Gives a finished draft the name in place of the file that has it: one step, durable.
    pub(super) fn replace(&self, draft: &Path) -> Result<()> {
        fs::rename(draft, &self.path).map_err(fault::file)?;
        self.sync()
    }

    /// Makes what was named and removed here durable.
    pub(super) fn sync(&self) -> Result<()> {
        system::sync_folder(&self.folder).map_err(fault::file)
    }
}

/// Writes a new file that only we can read, whole and on the disk.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = system::create_private(path).map_err(fault::file)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(fault::file)
}

/// Opens a file of ours for reading and writing. Only for who may: see the head of this file.
pub(super) fn open_to_write(path: &Path) -> Result<File> {
    system::open(path, true).map_err(fault::file)
}

/// Opens a file of ours for reading. Only for who may: see the head of this file.
pub(super) fn open_to_read(path: &Path) -> Result<File> {
    system::open(path, false).map_err(fault::file)
}

/// Reads a file from its start to its end; `StoreFailed` beyond `limit` bytes.
pub(super) fn read_all(mut file: &File, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0)).map_err(fault::file)?;
    let length = file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(fault::file)?;
    if u64::try_from(length).is_ok_and(|length| length <= limit) { Ok(bytes) } else { Err(Detail::StoreFailed.about("size")) }
}

/// Looks at a file and changes nothing.
pub(super) fn peek(path: &Path) -> Result<Option<Facts>> {
    look(path, false)
}

fn inspect(path: &Path) -> Result<Option<Facts>> {
    look(path, true)
}

fn look(path: &Path, mends: bool) -> Result<Option<Facts>> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault::file(error)),
    };
    if !metadata.file_type().is_file() {
        return Err(unsafe_path("file type"));
    }
    system::check_file(path, &metadata, mends)?;
    Ok(Some(Facts { id: system::file_id(&metadata), length: metadata.len(), modified: metadata.modified().ok() }))
}

fn unsafe_path(what: &'static str) -> Error {
    Detail::StoreUnsafePath.about(what)
}

#[cfg(unix)]
mod system {
    use super::{Detail, Error, File, FileId, Path, Result, fs, io, unsafe_path};
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};

    const OTHERS: u32 = 0o077;
    const OWNER_WRITES: u32 = 0o200;
    const WORLD_WRITES: u32 = 0o002;
    const GROUP_WRITES: u32 = 0o020;
    const STICKY: u32 = 0o1000;
    /// For the log and its index, and one account.
    const LEAST_ROOM: u64 = 128 * 1024;

    pub(super) fn check_folder(folder: &fs::Metadata) -> Result<()> {
        let mode = folder.mode();
        let ours = folder.uid() == us();
        if !ours && folder.uid() != 0 {
            return Err(unsafe_permissions("folder owner"));
        }
        // A group of the same number as its user is that user's alone, by the custom of most systems; group 0 is the system's.
        let foreign_group = folder.gid() != us() && folder.gid() != 0;
        let writable = mode & WORLD_WRITES != 0 || (mode & GROUP_WRITES != 0 && foreign_group);
        if writable && mode & STICKY == 0 {
            return Err(unsafe_permissions("folder mode"));
        }
        if ours && mode & OWNER_WRITES == 0 {
            return Err(Detail::StoreReadOnly.into());
        }
        Ok(())
    }

    pub(super) fn check_file(path: &Path, file: &fs::Metadata, mends: bool) -> Result<()> {
        if file.uid() != us() {
            return Err(unsafe_permissions("file owner"));
        }
        if file.nlink() > 1 {
            return Err(unsafe_path("hard link"));
        }
        if file.mode() & OWNER_WRITES == 0 {
            return Err(Detail::StoreReadOnly.into());
        }
        if mends && file.mode() & OTHERS != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(|_| unsafe_permissions("file mode"))?;
        }
        Ok(())
    }

    pub(super) fn file_id(file: &fs::Metadata) -> FileId {
        FileId(file.dev(), file.ino())
    }

    pub(super) fn create_private(path: &Path) -> io::Result<File> {
        let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(no_follow).open(path)?;
        // The umask can only have taken rights of our own away.
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        Ok(file)
    }

    pub(super) fn open(path: &Path, writes: bool) -> io::Result<File> {
        let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
        fs::OpenOptions::new().read(true).write(writes).custom_flags(no_follow).open(path)
    }

    pub(super) fn check_room(folder: &Path) -> Result<()> {
        use rustix::fs::{Access, AtFlags, CWD, StatVfsMountFlags};

        rustix::fs::accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)
            .map_err(|_| Error::from(Detail::StoreReadOnly))?;
        let disk = rustix::fs::statvfs(folder).map_err(|error| super::fault::file(error.into()))?;
        if disk.f_flag.contains(StatVfsMountFlags::RDONLY) {
            return Err(Detail::StoreReadOnly.into());
        }
        // A system that does not count its blocks has none at all.
        let is_full = disk.f_blocks > 0 && disk.f_bavail.saturating_mul(disk.f_frsize) < LEAST_ROOM;
        if is_full { Err(Detail::StoreFull.into()) } else { Ok(()) }
    }

    pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    /// Renames without replacing: in one step where the system can, else by a second name.
    pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
        #[cfg(any(target_vendor = "apple", target_os = "linux", target_os = "android"))]
        {
            use rustix::{
                fs::{CWD, RenameFlags, renameat_with},
                io::Errno,
            };
            match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
                Err(Errno::NOSYS | Errno::INVAL | Errno::NOTSUP | Errno::PERM) => {}
                done => return done.map_err(io::Error::from),
            }
        }
        fs::hard_link(from, to)?;
        fs::remove_file(from)
    }

    fn us() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    fn unsafe_permissions(what: &'static str) -> Error {
        Detail::StoreUnsafePermissions.about(what)
    }
}

/// Without owners and modes the folder's own access list is what protects the file, and files are told apart by their creation.
#[cfg(not(unix))]
mod system {
    use super::{Detail, File, FileId, Path, Result, fs, io};
    use std::time::UNIX_EPOCH;

    pub(super) fn check_folder(folder: &fs::Metadata) -> Result<()> {
        if folder.permissions().readonly() { Err(Detail::StoreReadOnly.into()) } else { Ok(()) }
    }

    pub(super) fn check_file(_: &Path, file: &fs::Metadata, _: bool) -> Result<()> {
        if file.permissions().readonly() { Err(Detail::StoreReadOnly.into()) } else { Ok(()) }
    }

    pub(super) fn file_id(file: &fs::Metadata) -> FileId {
        let created = file.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        FileId(created.as_secs(), created.subsec_nanos().into())
    }

    pub(super) fn create_private(path: &Path) -> io::Result<File> {
        fs::OpenOptions::new().write(true).create_new(true).open(path)
    }

    pub(super) fn open(path: &Path, writes: bool) -> io::Result<File> {
        fs::OpenOptions::new().read(true).write(writes).open(path)
    }

    pub(super) fn check_room(_: &Path) -> Result<()> {
        Ok(())
    }

    pub(super) fn sync_folder(_: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)?;
        fs::remove_file(from)
    }
}
