namespace Dumont.Snapshots.Sync;

/// <summary>Constants of the wire format, <c>docs/formats/sync-protocol.md</c>. Changing one is a new protocol version.</summary>
internal static class SyncLimits
{
    /// <summary>Highest version spoken here. 3: owners, extended attributes and hard links travel.</summary>
    public const int Version = 3;

    /// <summary>Lowest version spoken here, that of agents of before. 2: content is named by BLAKE3 and cut by windows; 1 had SHA-256 and a gear hash.</summary>
    public const int LowestVersion = 2;

    /// <summary>First version that carries metadata and hard links.</summary>
    public const int MetadataVersion = 3;

    /// <summary>"DMSY", little-endian: tells a wrong program on the other end at once.</summary>
    public const uint Magic = 0x59534D44;

    /// <summary>Length, checksum: what stands before the counted part of a frame.</summary>
    public const int FrameHeaderBytes = 8;

    /// <summary>Largest counted part of a frame: the longest chunk with room for a path and fields.</summary>
    public const int FrameBytes = (1 << 20) + (16 << 10);

    /// <summary>Chunks in one <see cref="StageMessage"/>: 64 MiB of a file at the average size, so that the sink's copying from its own files
    /// never holds up small changes for long.</summary>
    public const int ChunksPerStage = 256;

    /// <summary>Longest chunk.</summary>
    public const int ChunkBytes = 1 << 20;

    /// <summary>Chunks of one file; 1 TiB at the average size.</summary>
    public const int ChunksPerFile = 1 << 22;

    /// <summary>Stages open at once.</summary>
    public const int OpenStages = 16;

    /// <summary>Entries in one <see cref="EntriesMessage"/>.</summary>
    public const int EntriesPerMessage = 128;

    /// <summary>Text of a refusal or fault, in bytes.</summary>
    public const int TextBytes = 1024;
}
