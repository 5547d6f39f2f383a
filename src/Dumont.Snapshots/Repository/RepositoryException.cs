namespace Dumont.Snapshots;

/// <summary>Why a repository cannot be used as asked.</summary>
public enum RepositoryErrorKind
{
    /// <summary>There is no repository in the store.</summary>
    NoRepository,

    /// <summary>There is one already.</summary>
    AlreadyExists,

    /// <summary>It is encrypted, and no password or key file was given; or the other way round.</summary>
    KeyNeeded,

    /// <summary>The password or key file is not one of its keys.</summary>
    WrongKey,

    /// <summary>No snapshot, or several, have that id.</summary>
    NoSnapshot,

    /// <summary>Somebody else is pruning.</summary>
    Locked,

    /// <summary>The tree to be kept cannot be read at all.</summary>
    NoSource,
}

/// <summary>A repository cannot be used as asked; nothing is damaged. The message says what can be done.</summary>
/// <param name="kind">Why.</param>
/// <param name="message">For the user.</param>
public sealed class RepositoryException(RepositoryErrorKind kind, string message) : IOException(message)
{
    /// <summary>Why.</summary>
    public RepositoryErrorKind Kind { get; } = kind;
}
