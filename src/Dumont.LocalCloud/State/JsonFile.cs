using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Dumont.LocalCloud.State;

/// <summary>One JSON document per file, replaced whole: a reader, or a start after a crash, sees the old or the new one.</summary>
internal static class JsonFile
{
    /// <summary>The form of every state file.</summary>
    public static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        RespectRequiredConstructorParameters = true,
        WriteIndented = true,
    };

    /// <summary>Writes beside the file and renames. The file is readable by its owner alone.</summary>
    /// <param name="path">The file.</param>
    /// <param name="value">The document.</param>
    /// <param name="durable">Whether it must outlast a power cut, which costs a forced write; without, it outlasts this program alone.</param>
    public static void Write<T>(string path, T value, bool durable = true)
    {
        var temporary = path + ".new";
        var mode = new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        using (var file = new FileStream(temporary, mode))
        {
            JsonSerializer.Serialize(file, value, Format);
            file.Flush(flushToDisk: durable);
        }

        File.Move(temporary, path, overwrite: true);
    }

    /// <summary>The document, or null where there is none.</summary>
    public static T? Find<T>(string path)
        where T : class
    {
        if (!File.Exists(path))
        {
            return null;
        }

        using var file = File.OpenRead(path);
        return JsonSerializer.Deserialize<T>(file, Format);
    }
}
