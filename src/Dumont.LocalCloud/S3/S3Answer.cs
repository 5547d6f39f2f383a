using System.Globalization;
using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace Dumont.LocalCloud.S3;

/// <summary>Writes what S3 answers.</summary>
internal static class S3Answer
{
    public static readonly XNamespace Namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

    private static readonly XmlWriterSettings Format = new() { Encoding = new UTF8Encoding(false), CheckCharacters = false, Async = true };

    /// <summary>An element with S3's name space throughout.</summary>
    public static XElement Element(string name, params object?[] content) => new(Namespace + name, content);

    public static async Task WriteAsync(S3Request request, XElement document, int status = 200)
    {
        using var text = new MemoryStream();
        await using (var writer = XmlWriter.Create(text, Format))
        {
            await new XDocument(document).SaveAsync(writer, request.Aborted);
        }

        var response = request.Http.Response;
        response.StatusCode = status;
        response.ContentType = "application/xml";
        response.ContentLength = text.Length;
        if (request.Method != "HEAD")
        {
            await response.Body.WriteAsync(text.GetBuffer().AsMemory(0, (int)text.Length), request.Aborted);
        }
    }

    public static async Task WriteAsync(S3Request request, S3Error error)
    {
        var response = request.Http.Response;
        if (request.Method == "HEAD" || error.Status == 304)
        {
            response.StatusCode = error.Status;
            return;
        }

        await WriteAsync(request, error.ToXml(request.Path, response.Headers["x-amz-request-id"].ToString()).Root!, error.Status);
    }

    public static string Quoted(string tag) => $"\"{tag}\"";

    public static string Time(DateTimeOffset time) => time.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    public static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
