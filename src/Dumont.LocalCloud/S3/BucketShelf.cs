using System.Collections.Concurrent;
using System.Text.RegularExpressions;

namespace Dumont.LocalCloud.S3;

/// <summary>The buckets of the account, one folder each.</summary>
internal sealed partial class BucketShelf : IDisposable
{
    private const int BucketsMax = 1000;

    private readonly string _folder;
    private readonly Lock _changing = new();
    private readonly ConcurrentDictionary<string, Bucket> _buckets = new(StringComparer.Ordinal);

    public BucketShelf(string folder)
    {
        _folder = folder;
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        foreach (var path in Directory.GetDirectories(folder).Where(path => IsName(Path.GetFileName(path))))
        {
            _buckets[Path.GetFileName(path)] = Bucket.Open(path);
        }
    }

    public IReadOnlyList<Bucket> List() => [.. _buckets.Values.OrderBy(bucket => bucket.Name, StringComparer.Ordinal)];

    /// <exception cref="S3Exception">There is none.</exception>
    public Bucket Get(string name) => _buckets.GetValueOrDefault(name) ?? throw new S3Exception(S3Error.NoSuchBucket);

    /// <summary>Makes a bucket; one that is there already is left as it is, as in the oldest region of S3.</summary>
    public void Create(string name)
    {
        if (!IsName(name))
        {
            throw new S3Exception(new S3Error(400, "InvalidBucketName", "The specified bucket is not valid."));
        }

        lock (_changing)
        {
            if (_buckets.Count >= BucketsMax)
            {
                throw new S3Exception(new S3Error(400, "TooManyBuckets", "You have attempted to create more buckets than allowed"));
            }

            if (!_buckets.ContainsKey(name))
            {
                _buckets[name] = Bucket.Open(Path.Combine(_folder, name));
            }
        }
    }

    public void Remove(string name)
    {
        lock (_changing)
        {
            Get(name).Remove();
            _buckets.TryRemove(name, out _);
        }
    }

    public void Dispose()
    {
        foreach (var bucket in _buckets.Values)
        {
            bucket.Dispose();
        }
    }

    // Also what makes a name safe as that of a folder.
    private static bool IsName(string name) => Name().IsMatch(name) && !name.Contains("..", StringComparison.Ordinal);

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\z")]
    private static partial Regex Name();
}
