using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Dumont.LocalCloud.S3;

/// <summary>A bucket: an index in memory, the journal that it is read from at a start, and the files that hold the bytes.</summary>
/// <remarks>A call writes its bytes to new files first and then one line to the journal. What is in no line was never there: its files are deleted
/// at the next start. Outlasts a kill of this program, and a power cut as far as the file system does.</remarks>
internal sealed class Bucket : IDisposable
{
    // A start that finds twice as many lines as there are things writes the journal anew.
    private const int LinesKeptMin = 1000;

    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly Lock _gate = new();
    private readonly string _folder;
    private readonly Dictionary<string, ObjectRecord> _objects = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _keys = new(KeyOrder.Instance);
    private readonly Dictionary<string, UploadRecord> _uploads = new(StringComparer.Ordinal);
    private FileStream _journal;

    private Bucket(string name, string folder, DateTimeOffset createdAt, FileStream journal) =>
        (Name, _folder, CreatedAt, _journal, Content) = (name, folder, createdAt, journal, new ContentFolder(Path.Combine(folder, "content")));

    public string Name { get; }

    public DateTimeOffset CreatedAt { get; }

    public ContentFolder Content { get; }

    /// <summary>Opens the bucket of a folder, or makes it.</summary>
    public static Bucket Open(string folder)
    {
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, "journal");
        var journal = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, 1);
        var bucket = new Bucket(Path.GetFileName(folder), folder, new DateTimeOffset(Directory.GetCreationTimeUtc(folder), TimeSpan.Zero), journal);
        var lines = bucket.Replay();
        if (lines > LinesKeptMin && lines > 2 * (bucket._objects.Count + bucket._uploads.Values.Sum(upload => 1 + upload.Parts.Count)))
        {
            bucket.Rewrite(path);
        }

        bucket.Content.KeepOnly([.. bucket._objects.Values.SelectMany(found => found.Pieces).Select(piece => piece.File),
            .. bucket._uploads.Values.SelectMany(upload => upload.Parts.Values).Select(part => part.Piece.File)]);
        return bucket;
    }

    public ObjectRecord? Find(string key)
    {
        lock (_gate)
        {
            return _objects.GetValueOrDefault(key);
        }
    }

    /// <summary>Puts an object in the place of what is there, if that meets a condition.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="made">The object; its files are written.</param>
    /// <param name="check">Throws when what is there (or null) forbids it.</param>
    /// <param name="uploadId">The upload that it ends, or null.</param>
    public void Put(string key, ObjectRecord made, Action<ObjectRecord?> check, string? uploadId = null)
    {
        IEnumerable<ContentPiece> unused = [];
        lock (_gate)
        {
            var before = _objects.GetValueOrDefault(key);
            check(before);
            if (uploadId is not null)
            {
                var upload = _uploads.GetValueOrDefault(uploadId) ?? throw new S3Exception(S3Error.NoSuchUpload);
                unused = upload.Parts.Values.Select(part => part.Piece).Except(made.Pieces);
            }

            var line = new JournalLine { Key = key, Put = made, UploadId = uploadId, UploadEnded = uploadId is null ? null : true };
            Append(line);
            Apply(line);
            unused = [.. unused, .. before?.Pieces ?? []];
        }

        Content.Delete(unused);
    }

    /// <summary>Deletes an object, if there is one.</summary>
    public void Delete(string key)
    {
        ObjectRecord? before;
        lock (_gate)
        {
            before = _objects.GetValueOrDefault(key);
            if (before is null)
            {
                return;
            }

            var line = new JournalLine { Key = key, Deleted = true };
            Append(line);
            Apply(line);
        }

        Content.Delete(before.Pieces);
    }

    /// <summary>Looks at keys in order, from the first that is not below <paramref name="from"/>, until told to stop or to leap.</summary>
    /// <param name="from">Where to begin.</param>
    /// <param name="look">Given key and object; answers where to go on, null for the next key, and <see cref="Stop"/> to end.</param>
    public void Walk(string from, Func<string, ObjectRecord, string?> look)
    {
        lock (_gate)
        {
            string? leap = from;
            while (leap is not null)
            {
                var start = leap;
                leap = null;
                if (_keys.Max is not { } last || KeyOrder.Instance.Compare(start, last) > 0)
                {
                    return;
                }

                foreach (var key in _keys.GetViewBetween(start, last))
                {
                    if (look(key, _objects[key]) is { } next)
                    {
                        if (ReferenceEquals(next, Stop))
                        {
                            return;
                        }

                        leap = next;
                        break;
                    }
                }
            }
        }
    }

    public static readonly string Stop = new("stop");

    public void Begin(UploadRecord upload)
    {
        lock (_gate)
        {
            var line = new JournalLine { Upload = upload };
            Append(line);
            Apply(line);
        }
    }

    /// <summary>An upload as it is now, apart from later changes.</summary>
    /// <exception cref="S3Exception">There is none for that key.</exception>
    public UploadRecord Upload(string id, string key)
    {
        lock (_gate)
        {
            return _uploads.GetValueOrDefault(id) is { } upload && upload.Key == key
                ? upload with { Parts = new SortedDictionary<int, PartRecord>(upload.Parts) }
                : throw new S3Exception(S3Error.NoSuchUpload);
        }
    }

    public IReadOnlyList<UploadRecord> Uploads()
    {
        lock (_gate)
        {
            return [.. _uploads.Values.OrderBy(upload => upload.Key, KeyOrder.Instance).ThenBy(upload => upload.BegunAt)];
        }
    }

    public void PutPart(string uploadId, int number, PartRecord part)
    {
        PartRecord? before;
        lock (_gate)
        {
            var upload = _uploads.GetValueOrDefault(uploadId) ?? throw new S3Exception(S3Error.NoSuchUpload);
            before = upload.Parts.GetValueOrDefault(number);
            var line = new JournalLine { UploadId = uploadId, PartNumber = number, Part = part };
            Append(line);
            Apply(line);
        }

        Content.Delete(before is null ? [] : [before.Piece]);
    }

    public void Abort(string uploadId, string key)
    {
        var upload = Upload(uploadId, key);
        lock (_gate)
        {
            var line = new JournalLine { UploadId = uploadId, UploadEnded = true };
            Append(line);
            Apply(line);
        }

        Content.Delete(upload.Parts.Values.Select(part => part.Piece));
    }

    public void Dispose() => _journal.Dispose();

    // From here on nobody can put into it.
    public void Remove()
    {
        lock (_gate)
        {
            if (_objects.Count > 0)
            {
                throw new S3Exception(new S3Error(409, "BucketNotEmpty", "The bucket you tried to delete is not empty"));
            }

            _journal.Dispose();
            Directory.Delete(_folder, recursive: true);
        }
    }

    private void Append(JournalLine line)
    {
        if (!_journal.CanWrite)
        {
            throw new S3Exception(S3Error.NoSuchBucket);
        }

        var bytes = JsonSerializer.SerializeToUtf8Bytes(line, Format);
        var terminated = new byte[bytes.Length + 1];
        bytes.CopyTo(terminated, 0);
        terminated[^1] = (byte)'\n';
        _journal.Write(terminated);
        _journal.Flush();
    }

    private void Apply(JournalLine line)
    {
        if (line is { Key: { } put, Put: { } made })
        {
            _objects[put] = made;
            _keys.Add(put);
        }

        if (line is { Key: { } gone, Deleted: true })
        {
            _objects.Remove(gone);
            _keys.Remove(gone);
        }

        if (line.Upload is { } upload)
        {
            _uploads[upload.Id] = upload;
        }

        if (line is { UploadId: { } partOf, PartNumber: { } number, Part: { } part } && _uploads.TryGetValue(partOf, out var open))
        {
            open.Parts[number] = part;
        }

        if (line is { UploadId: { } ended, UploadEnded: true })
        {
            _uploads.Remove(ended);
        }
    }

    private int Replay()
    {
        var whole = 0L;
        var lines = 0;
        var text = new byte[_journal.Length];
        _journal.ReadExactly(text);
        for (var start = 0; start < text.Length;)
        {
            var length = Array.IndexOf(text, (byte)'\n', start) - start;
            if (length < 0)
            {
                // Killed in the middle of a line: what it tells of was never answered.
                break;
            }

            Apply(JsonSerializer.Deserialize<JournalLine>(text.AsSpan(start, length), Format)!);
            lines++;
            start += length + 1;
            whole = start;
        }

        _journal.SetLength(whole);
        _journal.Seek(whole, SeekOrigin.Begin);
        return lines;
    }

    private void Rewrite(string path)
    {
        _journal.Dispose();
        _journal = new FileStream(path + ".new", FileMode.Create, FileAccess.ReadWrite, FileShare.Read, 1);
        foreach (var (key, found) in _objects)
        {
            Append(new JournalLine { Key = key, Put = found });
        }

        foreach (var upload in _uploads.Values)
        {
            Append(new JournalLine { Upload = upload });
        }

        File.Move(path + ".new", path, overwrite: true);
    }
}
