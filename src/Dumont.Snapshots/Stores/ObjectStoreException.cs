namespace Dumont.Snapshots;

/// <summary>What went wrong in a store. The kind alone decides whether to try again.</summary>
public enum ObjectStoreErrorKind
{
    /// <summary>There is no such object, folder or bucket.</summary>
    NotFound,

    /// <summary>The store refuses: rights, a read-only folder, a key that is not accepted.</summary>
    Denied,

    /// <summary>The store could not be reached or failed, and went on failing when tried again. Later it may work.</summary>
    Transient,

    /// <summary>No room: the disk or the quota is full.</summary>
    Full,

    /// <summary>What the store gave is not what it holds by its own checksum, and went on being so when asked again.</summary>
    Corrupt,

    /// <summary>The store answered what it must not, or does not support what is needed.</summary>
    Protocol,
}

/// <summary>A store could not do what was asked. The message names the object or folder and says what can be done; it never holds a key.</summary>
/// <param name="kind">What went wrong.</param>
/// <param name="message">For the user.</param>
/// <param name="cause">What the system or the network said, if anything.</param>
public sealed class ObjectStoreException(ObjectStoreErrorKind kind, string message, Exception? cause = null) : IOException(message, cause)
{
    /// <summary>What went wrong.</summary>
    public ObjectStoreErrorKind Kind { get; } = kind;
}
