namespace Dumont.Snapshots;

/// <summary>Where a chunk is stored, and how.</summary>
/// <param name="Pack">Number of the pack in the opened repository, see <see cref="Repository.PackName"/>.</param>
/// <param name="OffsetBytes">Where its frame starts in the pack.</param>
/// <param name="StoredBytes">Length of the frame, with the tag when encrypted.</param>
/// <param name="RawBytes">Length of the chunk.</param>
/// <param name="Coding">How it is encoded.</param>
/// <param name="Parameter">Of the coding.</param>
/// <param name="Checksum">XXH3-64 of the frame.</param>
public readonly record struct ChunkLocation(
    int Pack, int OffsetBytes, int StoredBytes, int RawBytes, ChunkCoding Coding, byte Parameter, ulong Checksum);
